"""What the steppers of the two PixelRNNs share: all but what their recurrent layers look at."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tensorar import CachedStepper
from tensorar_plugins.backbones.masked_conv.incremental import Gathering, answer, with_bias
from tensorar_plugins.backbones.pixel_rnn.state_cache import Gates, StateMemory, columns


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


class PixelRNNStepper(CachedStepper):
    """The layers of a PixelRNN one coefficient at a time, each activation once.

    Held are what the masked convolutions look at (see ``Gathering``) and the states, for as long as they are looked
    at: mostly a few rows. What a step looks at of earlier ones is known for all layers before it begins, so that it is
    fetched and multiplied for all layers at once. Then a layer is two matrix products over the batch, and between them
    the LSTM's pointwise part.

    ``layers`` are ``Recurrence``; ``entries[group]`` are one ``Entry`` each. A subclass may add to what ``drive`` and
    ``tell`` find of earlier steps; ``views[group]`` are the groups of whose states it tells more.
    """

    def set_up(self, ranks, table, layers, entries, views):
        """Make the caches that all share; for ``begin``."""
        self.table, backbone, batch, context = table, self.backbone, self.batch, self.context
        like, groups, width = backbone.first.conv.weight.detach(), backbone.grid.groups, backbone.channels
        self.first, self.answer = (
            Gathering([with_bias(layer, context) for layer in layers], ranks, batch)
            for layers in ([backbone.first], backbone.answer.layers)
        )
        self.states = StateMemory(len(layers), width, table.outside + groups, batch, like)
        self.states.begin(table.outside, [(layer.hidden, layer.cell) for layer in layers])
        self.weights = [GroupWeights(layers, table, group, views[group]) for group in range(groups)]
        # of the step at hand: a row of ones for the constant, the own hidden states, and those of others
        rows = max(weights.leave.shape[2] for weights in self.weights)
        self.told = like.new_ones(len(layers), rows, batch)
        self.drives = like.new_empty(len(layers), 4 * width, batch)
        self.hidden, self.cell = self.told[:, 1 : 1 + width], torch.empty_like(self.states.cell[:, :, 0])
        self.gates = Gates((4 * width, batch), like, self.cell)
        self.chains = [self._chain(weights, some) for weights, some in zip(self.weights, entries, strict=True)]

    def _chain(self, weights, entries):
        """What the loop over the layers works on, ready to be used."""
        maps = [entry.maps for entry in entries]
        maps.append(torch.empty_like(maps[0]))
        told = self.told[:, : weights.leave.shape[2]]
        return list(zip(self.drives, entries, self.cell, self.hidden, weights.leave, told, maps[1:], strict=True))

    def advance(self, features, t):
        if features is not None:
            self.show(t - 1, features)
        self.first.fetch(t)
        self.answer.fetch(t)
        group = self.first.groups[t]
        self.drive(t, group)
        self.tell(t, group)
        self.cell.copy_(self.states.cell.select(2, self.table.before[t]))
        maps = self._run(group)
        self.keep(t)
        parameters = answer(maps.T, self.answer.places[group])
        self.answer.keep(t)
        return parameters

    def state(self):
        return {**self.first.state("first"), **self.answer.state("answer"), **self.states.state("states")}

    def _run(self, group):
        """All layers one after the other; the last maps. States come to stand in ``hidden`` and ``cell``."""
        (first,), chain, gates = self.first.places[group], self.chains[group], self.gates
        torch.addmm(first.bias, first.rows, first.weight, out=chain[0][1].maps.T)
        for drive, (maps, rows, enter), cell, hidden, leave, told, after in chain:
            torch.addmm(drive, enter, rows, out=gates.sums)
            gates.step(cell, hidden)
            torch.addmm(maps, leave, told, out=after)
        return after

    def show(self, t, features):
        """Take in the features of step ``t``."""
        self.first.keep(t, features)

    def drive(self, t, group):
        """Put what is known of the gates before the step into ``drives``."""
        weights = self.weights[group]
        torch.baddbmm(weights.bias, weights.state, self.states.gather(self.table.seen[t]), out=self.drives)

    def tell(self, t, group):
        """Put the states of others that go back to the maps of this step behind the own ones in ``told``."""
        beside = self.weights[group].beside
        if beside is not None:
            self.told[:, beside].copy_(self.states.gather(self.table.told[t]))

    def keep(self, t):
        """Keep the states of step ``t``."""
        place = self.table.place[t]
        self.states.hidden.select(2, place).copy_(self.hidden)
        self.states.cell.select(2, place).copy_(self.cell)


class GroupWeights:
    """What a group multiplies states by, for all layers: ``(layers, outputs, inputs)``.

    ``state`` takes those of neighbours to the gates, with ``bias``. ``leave`` takes to the maps a row of ones, the own
    states, those ``beside`` in the cell and those in the ``views`` of the group: slices of its rows.
    """

    def __init__(self, layers, table, group, viewed):
        groups = len(table.steps)
        self.bias = torch.stack([layer.bias[:, group].T for layer in layers])
        self.state = torch.stack([columns(layer.state, table.neighbours[group]) for layer in layers])
        constant = torch.stack([layer.constant.unflatten(0, (groups, -1, 1))[group] for layer in layers])
        kinds = [table.steps[group].new_tensor([group * groups + s for s in seen]) for seen in ([group], viewed)]
        kinds.insert(1, table.beside[group])
        parts = [torch.stack([columns(layer.leave, some) for layer in layers]) for some in kinds]
        self.leave = torch.cat([constant, *parts], 2)
        own, beside, views = (part.shape[2] for part in parts)
        self.beside = slice(1 + own, 1 + own + beside) if beside else None
        self.views = slice(1 + own + beside, 1 + own + beside + views) if views else None


def by_group(weight, groups):
    """Rows that are gates before groups, ``(4 * groups * width, ...)``, as groups before gates."""
    return weight.unflatten(0, (4, groups, -1)).transpose(0, 1).flatten(0, 2)
