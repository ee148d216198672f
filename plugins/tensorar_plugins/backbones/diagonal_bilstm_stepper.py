"""The Diagonal BiLSTM one coefficient at a time."""

from __future__ import annotations

import torch

from tensorar_plugins.backbones.lstm import blocks
from tensorar_plugins.backbones.mirror_plan import mirror_plan
from tensorar_plugins.backbones.pixel_rnn_stepper import Dense, Entry, PixelRNNStepper, Recurrence, by_group
from tensorar_plugins.backbones.state_memory import Gates, StateMemory, columns, state_table


class DiagonalBiLSTMStepper(PixelRNNStepper):
    """As all PixelRNNs for the plain scan: from the states of the neighbours on every axis.

    The mirrored scans go through a row when the next one begins, as the row's maps are known then in all layers: one
    loop over its columns for all layers at once (``MirrorPlan``: so it is for any number of axes). Held besides are
    the maps of that row, and mirrored states as long as they are looked at.
    """

    def __init__(self, backbone, ranks, batch, context):
        self.plan, layers, width = mirror_plan(ranks), backbone.layers, backbone.channels
        bias, like = [_bias(layer, context) for layer in layers], layers[0].weight.detach()
        # maps and features of the steps that mirrored scans have not been through
        self.maps = like.new_zeros(len(layers), 2 * width, self.plan.shown, batch)
        self.features = like.new_zeros(backbone.signature.feature_count, self.plan.shown, batch)
        # maps of the step at hand: the own ones, and those of the other groups of the cell
        others = max(map(len, self.plan.telling))
        self.now = like.new_zeros(len(layers), 2 * width * (1 + others), batch)
        self.own, self.others = self.now.split([2 * width, 2 * width * others], 1)
        table, groups = state_table(ranks, self.plan.offsets), self.plan.groups
        plain = [_recurrence(layer, b[:, 0], groups) for layer, b in zip(layers, bias, strict=True)]
        entries = [self._entries(layers, group) for group in range(groups)]
        super().__init__(backbone, ranks, batch, context, table, plain, entries, self.plan.viewed)
        self.mirrored = StateMemory(len(layers), width, self.plan.nothing + 1, batch, like)
        self.mirrored.begin(self.plan.outside, [(layer.scan.hidden, layer.scan.cell) for layer in layers])
        self.room, self.fronts = {}, {}
        for front in (front for fronts in self.plan.fronts.values() for front in fronts):
            if front[:2] not in self.fronts:
                biases = [b[:, front.branch] for b in bias]
                self.fronts[front[:2]] = FrontWeights(front, layers, biases, backbone.itself, self.plan.input_mask)

    def _entries(self, layers, group):
        """How a group enters the plain scan."""
        groups, telling = self.plan.groups, self.plan.telling[group]
        enters = [Dense(by_group(layer.weight[0].detach(), groups).unsqueeze(2), groups) for layer in layers]
        kinds = [layers[0].scan.skew.cells.new_tensor(some) + group * groups for some in ([group], telling)]
        weights = [torch.cat([columns(enter, some) for some in kinds], 1) for enter in enters]
        rows = self.now[:, : weights[0].shape[1]]
        return [Entry(*entry) for entry in zip(self.own, rows, weights, strict=True)]

    def show(self, t, features):
        super().show(t, features)
        if self.plan.shown:
            self.features.select(1, t % self.plan.shown).copy_(features.T)

    def keep(self, t):
        super().keep(t)
        if self.plan.shown:
            self.maps.select(2, t % self.plan.shown).copy_(self.own)

    def tell(self, t, group):
        for front in self.plan.fronts.get(t, ()):
            self._scan(front)
        super().tell(t, group)
        views, told = self.weights[group].views, self.plan.told[t]
        if views is not None:
            self.told[:, views].copy_(self.mirrored.gather(self.plan.views[t]))
        if told is not None:
            found = self.maps.index_select(2, told).flatten(1, 2)
            self.others[:, : found.shape[1]].copy_(found)

    def _scan(self, front):
        """Compute the mirrored states of a front."""
        weights, batch = self.fronts[front[:2]], self.now.shape[2]
        maps = self.maps.index_select(2, front.maps).view(*weights.enter.shape[::2], -1)
        features = self.features.index_select(1, front.maps).view(-1, maps.shape[2])
        bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, maps.shape[2] // batch)
        drives = torch.baddbmm(bias, weights.enter, maps)
        drives[0].addmm_(weights.itself, features)
        widths = [stage.cells * batch for stage in front.stages]
        for stage, drive in zip(front.stages, drives.split(widths, 2), strict=True):
            self._advance(stage, drive, weights.state)

    def _advance(self, stage, drive, weight):
        states, (gates, hidden) = self.mirrored, self._room(drive.shape, len(stage.before))
        cell = states.cell.index_select(2, stage.before)
        torch.baddbmm(drive, weight, states.gather(stage.seen, stage.cells), out=gates.sums)
        gates.step(cell.view(gates.out.shape), hidden.view(gates.out.shape))
        states.put(stage.own, hidden, cell)

    def _room(self, shape, states):
        """Where a stage of so many states works, kept for the next one like it."""
        if shape not in self.room:
            hidden = self.mirrored.hidden[:, :, :1].repeat(1, 1, states, 1)
            self.room[shape] = Gates(shape, hidden, self.mirrored.cell), hidden
        return self.room[shape]


class FrontWeights:
    """What the groups of a front multiply by, as its tables list what they see.

    ``enter`` ``(layers, gates, maps)``, ``state`` ``(layers, gates, states)`` and ``bias``; and ``itself`` ``(gates,
    features)``: what the first layer's mirrored scan is told of the cell itself, taken on to its gates.
    """

    def __init__(self, front, layers, bias, itself, mask):
        self.front, self.groups = front, len(mask)
        enters = [self._rows(layer.weight[front.branch].detach() * layer.live) for layer in layers]
        states = [layer.scan.weight[front.branch].detach() for layer in layers]
        live = [layer.scan.live for layer in layers]
        states = [s if k is None else s * k for s, k in zip(states, live, strict=True)]
        self.enter = torch.stack([self._of_maps(enter) for enter in enters])
        self.state = torch.stack([self._of_states(self._rows(state), layers[0].scan.skew.taps) for state in states])
        self.bias = torch.stack([self._rows(b.T) for b in bias])
        outputs, inputs = (size // self.groups for size in itself.weight.shape[:2])
        told = itself.weight.detach().flatten(1) * blocks(mask, outputs, inputs)
        self.itself = self._of_maps(enters[0] @ told)
        self.bias[0] += enters[0] @ itself.bias.detach().unsqueeze(1)

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


def _bias(layer, context):
    """The biases of a layer's gates and what the context adds, ``(1 or B, branches, gates)``."""
    bias = layer.bias.detach()
    return layer.context(bias.reshape(1, -1), context).detach().unflatten(1, bias.shape[:2])


def _recurrence(layer, bias, groups):
    """The plain scan of a layer; ``bias`` ``(1 or B, gates)``."""
    scan, join = layer.scan, layer.join
    state = by_group(scan.weight[0].detach(), groups).unflatten(1, (-1, scan.skew.taps))
    hidden, cell = (s.detach()[0].flatten() for s in (scan.hidden, scan.cell))
    bias = by_group(bias.T, groups).T.unflatten(1, (groups, -1))
    leave = Dense(join.weight.detach().unsqueeze(2), groups)
    return Recurrence(Dense(state, groups), bias, leave, join.bias.detach()[:, 0], hidden, cell)
