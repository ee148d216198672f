"""The mirrored scans of a diagonal recurrence during a walk: rows at a time, in all layers at once."""

from __future__ import annotations

import torch

from tensorar_plugins.backbones.pixel_rnn.scan_lstm import blocks
from tensorar_plugins.backbones.pixel_rnn.state_cache import Gates, StateMemory


class MirroredScans:
    """The states of the mirrored branches of ``DiagonalLayer``, when and for as long as a ``MirrorPlan`` says.

    Held are they, and the maps and features of the steps that the scans have not been through. A front is one product
    for what enters all of its cells, then a loop over its stages, each one product and the LSTM's pointwise part.
    """

    def __init__(self, plan, layers, bias, own_pixel, batch):
        like, count, width = layers[0].weight.detach(), len(layers), layers[0].scan.channels // plan.groups
        self.plan, self.batch = plan, batch
        self.maps = like.new_zeros(count, 2 * width, plan.shown, batch)
        features = 0 if own_pixel is None else own_pixel.weight.shape[1] // plan.groups
        self.features = like.new_zeros(features, plan.shown, batch)
        self.states = StateMemory(count, width, plan.nothing + 1, batch, like)
        self.states.begin(plan.outside, [(layer.scan.hidden, layer.scan.cell) for layer in layers])
        self.rooms, self.weights = {}, {}
        for front in (front for fronts in plan.fronts.values() for front in fronts):
            if front[:2] not in self.weights:
                biases = [b[:, front.branch] for b in bias]
                self.weights[front[:2]] = FrontWeights(front, layers, biases, own_pixel, plan.input_mask)

    def show(self, t, features):
        """Take in the features of step ``t``."""
        if self.plan.fronts:
            self.features.select(1, t % self.plan.shown).copy_(features.T)

    def keep(self, t, maps):
        """Take in the maps that enter the layers at step ``t``."""
        if self.plan.shown:
            self.maps.select(2, t % self.plan.shown).copy_(maps)

    def advance(self, t):
        """Compute what is to be looked at from step ``t`` on."""
        for front in self.plan.fronts.get(t, ()):
            self._scan(front)

    def state(self, name):
        """The tensors of the batch: the maps and features of the last steps, and the states."""
        ring = {f"{name}.maps": self.maps.movedim(-1, 0), f"{name}.features": self.features.movedim(-1, 0)}
        return ring | self.states.state(f"{name}.states")

    def _scan(self, front):
        """Compute the mirrored states of a front."""
        weights, batch = self.weights[front[:2]], self.batch
        maps = self.maps.index_select(2, front.maps).view(*weights.enter.shape[::2], -1)
        features = self.features.index_select(1, front.maps).view(-1, maps.shape[2])
        bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, maps.shape[2] // batch)
        drives = torch.baddbmm(bias, weights.enter, maps)
        drives[0].addmm_(weights.own_pixel, features)
        widths = [stage.cells * batch for stage in front.stages]
        for stage, drive in zip(front.stages, drives.split(widths, 2), strict=True):
            self._advance(stage, drive, weights.state)

    def _advance(self, stage, drive, weight):
        states, (gates, hidden) = self.states, self._room(drive.shape, len(stage.before))
        cell = states.cell.index_select(2, stage.before)
        torch.baddbmm(drive, weight, states.gather(stage.seen, stage.cells), out=gates.sums)
        gates.step(cell.view(gates.out.shape), hidden.view(gates.out.shape))
        states.put(stage.own, hidden, cell)

    def _room(self, shape, states):
        """Where a stage of so many states works, kept for the next one like it."""
        if shape not in self.rooms:
            hidden = self.states.hidden[:, :, :1].repeat(1, 1, states, 1)
            self.rooms[shape] = Gates(shape, hidden, self.states.cell), hidden
        return self.rooms[shape]


class FrontWeights:
    """What the groups of a front multiply by, as its tables list what they see.

    ``enter`` ``(layers, gates, maps)``, ``state`` ``(layers, gates, states)`` and ``bias``; and ``own_pixel`` ``(gates,
    features)``: what the first layer's mirrored scan is told of the cell itself, taken on to its gates.
    """

    def __init__(self, front, layers, bias, own_pixel, mask):
        self.front, self.groups = front, len(mask)
        enters = [self._rows(layer.weight[front.branch].detach() * layer.live) for layer in layers]
        states = [layer.scan.weight[front.branch].detach() for layer in layers]
        live = [layer.scan.live for layer in layers]
        states = [s if k is None else s * k for s, k in zip(states, live, strict=True)]
        self.enter = torch.stack([self._of_maps(enter) for enter in enters])
        self.state = torch.stack([self._of_states(self._rows(state), layers[0].scan.skew.taps) for state in states])
        self.bias = torch.stack([self._rows(b.T) for b in bias])
        outputs, inputs = (size // self.groups for size in own_pixel.weight.shape[:2])
        told = own_pixel.weight.detach().flatten(1) * blocks(mask, outputs, inputs)
        self.own_pixel = self._of_maps(enters[0] @ told)
        self.bias[0] += enters[0] @ own_pixel.bias.detach().unsqueeze(1)

    def _rows(self, weight):
        """The gates of the front's groups: gates, then channels, then groups, as their states stand side by side."""
        by_gate = weight.unflatten(0, (4, self.groups, -1))[:, list(self.front.groups)]
        return by_gate.transpose(1, 2).flatten(0, 2)

    def _of_maps(self, weight):
        by_group = weight.unflatten(1, (self.groups, -1))[:, list(self.front.entering)]
        return by_group.transpose(1, 2).flatten(1)

    def _of_states(self, weight, taps):
        tap, group = (list(index) for index in zip(*self.front.taps, strict=True))
        by_look = weight.unflatten(1, (self.groups, -1, taps))[:, group, :, tap]
        return by_look.permute(1, 2, 0).flatten(1)
