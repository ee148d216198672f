"""What the steppers of the two PixelRNNs share: all but what their recurrent layers look at."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tensorar import Stepper
from tensorar_plugins.backbones.gathering import Gathering
from tensorar_plugins.backbones.state_memory import Gates, StateMemory, columns


class Dense(NamedTuple):
    """Weights as a ``MaskedConv`` holds them: ``(groups * outputs, groups * inputs, taps)``."""

    weight: Tensor
    groups: int


class Recurrence(NamedTuple):
    """The recurrent part of a layer, group by group.

    ``state``, a tap for each neighbour, takes states to gates with ``bias`` ``(1 or B, groups, 4 * width)``; ``leave``
    takes states to what is added to the maps with ``constant`` ``(groups * outputs)``. ``hidden`` and ``cell``,
    ``(groups * width)``, are the states outside of the grid.
    """

    state: Dense
    bias: Tensor
    leave: Dense
    constant: Tensor
    hidden: Tensor
    cell: Tensor


class Entry(NamedTuple):
    """How a coefficient enters a layer: its ``maps``, ``(inputs, B)``, are part of ``rows``, to be multiplied."""

    maps: Tensor
    rows: Tensor
    weight: Tensor


class PixelRNNStepper(Stepper):
    """The layers of a PixelRNN one coefficient at a time, each activation once.

    Held are what the masked convolutions look at (see ``Gathering``) and the states, for as long as they are looked
    at: mostly a few rows. What a step looks at of earlier ones is known for all layers before it begins, so that it is
    fetched and multiplied for all layers at once. Then a layer is two matrix products over the batch, and between them
    the LSTM's pointwise part.

    ``layers`` are ``Recurrence``; ``entries[group]`` are one ``Entry`` each. Of the subclasses ``drive`` and ``told``
    tell what earlier steps contribute, ``keep`` and ``show`` hold what they need for it.
    """

    def __init__(self, backbone, ranks, batch, context, table, layers, entries):
        self.table, self.t = table, 0
        like, groups, width = backbone.answer.weight.detach(), backbone.grid.groups, backbone.channels
        convs, hears = [backbone.first, *backbone.last, backbone.answer], [*backbone.contexts, None]
        first, *answer = [(c, bias_of(c, h, context)) for c, h in zip(convs, hears, strict=True)]
        self.first, self.answer = Gathering([first], ranks, batch), Gathering(answer, ranks, batch)
        self.states = StateMemory(len(layers), width, table.outside + groups, batch, like)
        for kind in ("hidden", "cell"):
            outside = torch.stack([getattr(layer, kind).unflatten(0, (groups, -1)).T for layer in layers])
            self.states.fill(kind, table.outside, outside)
        # those of the step at hand
        self.hidden, self.cell = (torch.empty_like(s[:, :, 0]) for s in (self.states.hidden, self.states.cell))
        self.gates = Gates((4 * width, batch), like, self.cell)
        self.weights = [GroupWeights(layers, table, group) for group in range(groups)]
        self.chains = [self._chain(group, entries[group]) for group in range(groups)]

    def _chain(self, group, entries):
        """All that the loop over the layers works on, ready to be used."""
        maps = [entry.maps for entry in entries]
        maps.append(torch.empty_like(maps[0]))
        leave = self.weights[group].leave
        return list(zip(entries, leave, self.hidden, self.cell, maps[1:], strict=True))

    def step(self, features):
        t = self.t
        self.t += 1
        if features is not None:
            self.show(t - 1, features)
        self.first.fetch(t)
        self.answer.fetch(t)
        group = self.first.groups[t]
        before = self.states.cell.select(2, self.table.before[t])
        maps = self._run(group, self.drive(t, group), before, self.told(t, group))
        self.keep(t)
        parameters = self._answer(group, maps)
        self.answer.keep(t)
        return parameters

    def _run(self, group, drives, before, told):
        """All layers one after the other; the last maps. States come to stand in ``hidden`` and ``cell``."""
        (first,), chain, gates = self.first.places[group], self.chains[group], self.gates
        torch.addmm(first.bias, first.rows, first.weight, out=chain[0][0].maps.T)
        known = zip(drives.unbind(), before.unbind(), told.unbind(), chain, strict=True)
        for drive, remembered, more, ((maps, rows, weight), leave, hidden, cell, after) in known:
            torch.addmm(drive, weight, rows, out=gates.sums)
            gates.step(remembered, cell, hidden)
            torch.addmm(maps, leave, hidden, out=after).add_(more)
        return after

    def _answer(self, group, maps):
        out = maps.T
        for place in self.answer.places[group]:
            torch.clamp_min(out, 0, out=place.own)
            out = place.sum()
        return out

    def show(self, t, features):
        """Take in the features of step ``t``."""
        self.first.keep(t, features)

    def drive(self, t, group):
        """What is known of the gates before the step: ``(layers, 4 * width, B)``."""
        weights = self.weights[group]
        return torch.baddbmm(weights.bias, weights.state, self.states.gather(self.table.seen[t]))

    def told(self, t, group):
        """What is added to the maps beside what the step's own states tell: ``(layers, outputs, 1 or B)``."""
        weights = self.weights[group]
        if weights.beside is None:
            return weights.constant
        return torch.baddbmm(weights.constant, weights.beside, self.states.gather(self.table.told[t]))

    def keep(self, t):
        """Keep the states of step ``t``."""
        self.states.hidden.select(2, self.table.place[t]).copy_(self.hidden)
        self.states.cell.select(2, self.table.place[t]).copy_(self.cell)


class GroupWeights:
    """What the states that a group looks at are multiplied by in all layers: ``(layers, outputs, inputs)`` each."""

    def __init__(self, layers, table, group):
        groups, beside = len(table.steps), table.beside[group]
        itself = table.steps[group].new_tensor([group * groups + group])
        self.bias = torch.stack([layer.bias[:, group].T for layer in layers])
        self.state = torch.stack([columns(layer.state, table.neighbours[group]) for layer in layers])
        self.leave = torch.stack([columns(layer.leave, itself) for layer in layers])
        self.beside = torch.stack([columns(layer.leave, beside) for layer in layers]) if len(beside) else None
        self.constant = torch.stack([layer.constant.unflatten(0, (groups, -1, 1))[group] for layer in layers])


def bias_of(conv, hears, context):
    """The bias of a convolution and what the context adds to it, ``(1 or B, groups, outputs)``."""
    bias = conv.bias.detach().unsqueeze(0)
    return (bias if hears is None else hears(bias, context).detach()).unflatten(1, (conv.groups, -1))


def by_group(weight, groups):
    """Rows that are gates before groups, ``(4 * groups * width, ...)``, as groups before gates."""
    return weight.unflatten(0, (4, groups, -1)).transpose(0, 1).flatten(0, 2)
