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
        plan, layers = mirror_plan(ranks), backbone.layers
        self.plan, self.groups, self.width = plan, len(ranks.rank), backbone.channels
        bias = [_bias(layer, context) for layer in layers]
        plain = [_recurrence(layer, b[:, 0], self.groups) for layer, b in zip(layers, bias, strict=True)]
        enters = [Dense(by_group(layer.weight[0].detach(), self.groups).unsqueeze(2), self.groups) for layer in layers]
        like = layers[0].weight.detach()
        self.now = like.new_zeros(len(layers), 2 * self.width, batch)
        # maps and features of the steps that mirrored scans have not yet been through
        self.maps = like.new_zeros(len(layers), 2 * self.width, plan.shown, batch)
        self.features = like.new_zeros(backbone.signature.feature_count, plan.shown, batch)
        self.telling = [self._columns(enters, group, some) for group, some in enumerate(plan.telling)]
        leaves = [layer.leave for layer in plain]
        self.viewing = [self._columns(leaves, g, [seen for _, seen in some]) for g, some in enumerate(plan.viewed)]
        entries = [self._entries(enters, group) for group in range(self.groups)]
        super().__init__(
            backbone, ranks, batch, context, state_table(ranks, tuple(plan.branches.offsets)), plain, entries
        )
        self.mirrored = self._mirrored_states(layers, batch, like)
        self.scans, self.room = {}, {}
        for front in (front for fronts in plan.fronts.values() for front in fronts):
            key = front.branch, front.groups
            if key not in self.scans:
                self.scans[key] = FrontWeights(
                    front, layers, [b[:, front.branch] for b in bias], backbone.itself, plan.branches.input_mask
                )

    def _columns(self, layers, group, seen):
        """The weights by which a group takes the maps or states of others in its cell; None where it takes none."""
        if not seen:
            return None
        kinds = torch.tensor([group * self.groups + s for s in seen], device=layers[0].weight.device)
        return torch.stack([columns(layer, kinds) for layer in layers])

    def _entries(self, enters, group):
        return [
            Entry(maps, maps, own) for maps, own in zip(self.now, self._columns(enters, group, [group]), strict=True)
        ]

    def _mirrored_states(self, layers, batch, like):
        states = StateMemory(len(layers), self.width, self.plan.nothing + 1, batch, like)
        for kind in ("hidden", "cell"):
            outside = torch.stack([getattr(layer.scan, kind).detach()[:, :, 0, 0] for layer in layers])
            states.fill(kind, self.plan.outside, outside.unflatten(2, (self.groups, -1)).flatten(1, 2).mT)
        return states

    def show(self, t, features):
        super().show(t, features)
        if self.plan.shown:
            self.features.select(1, t % self.plan.shown).copy_(features.T)

    def keep(self, t):
        super().keep(t)
        if self.plan.shown:
            self.maps.select(2, t % self.plan.shown).copy_(self.now)

    def drive(self, t, group):
        drives = super().drive(t, group)
        if self.telling[group] is None:
            return drives
        told = self.maps.index_select(2, self.plan.told[t]).view(len(drives), -1, drives.shape[2])
        return drives.baddbmm_(self.telling[group], told)

    def told(self, t, group):
        for front in self.plan.fronts.get(t, ()):
            self._scan(front)
        told = super().told(t, group)
        if self.viewing[group] is None:
            return told
        return torch.baddbmm(told, self.viewing[group], self.mirrored.gather(self.plan.views[t]))

    def _scan(self, front):
        """Compute the mirrored states of a front."""
        weights, count = self.scans[front.branch, front.groups], front.stages[-1].columns.stop
        maps = self.maps.index_select(2, front.maps).view(len(self.now), -1, count * self.now.shape[2])
        seen = self.features.index_select(1, front.maps).view(-1, maps.shape[2])
        bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, count)
        drives = torch.baddbmm(bias, weights.enter, maps)
        drives[0].addmm_(weights.itself, seen)
        drives = drives.unflatten(2, (count, -1))
        for stage in front.stages:
            self._advance(stage, drives[:, :, stage.columns].flatten(2), weights.state)

    def _advance(self, stage, drives, weight):
        states, count = self.mirrored, stage.columns.stop - stage.columns.start
        gates, hidden, cell = self._room(drives.shape, len(stage.own))
        torch.baddbmm(drives, weight, states.gather(stage.seen, count), out=gates.sums)
        before = states.cell.index_select(2, stage.before)
        gates.step(before.view(gates.out.shape), cell.view(gates.out.shape), hidden.view(gates.out.shape))
        states.hidden.index_copy_(2, stage.own, hidden)
        states.cell.index_copy_(2, stage.own, cell)

    def _room(self, shape, states):
        """Where a stage of so many states works, kept for the next one like it."""
        if shape not in self.room:
            new = (len(self.now), self.width, states, self.now.shape[2])
            hidden, cell = self.mirrored.hidden.new_empty(new), self.mirrored.cell.new_empty(new)
            self.room[shape] = Gates(shape, hidden, cell), hidden, cell
        return self.room[shape]


class FrontWeights:
    """What the groups of a front multiply by, as its tables list what they see.

    ``enter`` ``(layers, gates, maps)``, ``state`` ``(layers, gates, states)`` and ``bias``; and ``itself`` ``(gates,
    features)``: what the first layer's mirrored scan is told of the cell itself, taken on to its gates.
    """

    def __init__(self, front, layers, bias, itself, mask):
        self.front, self.groups = front, itself.groups
        enters = [self._rows(layer.weight[front.branch].detach() * layer.live) for layer in layers]
        self.enter = torch.stack([self._entering(enter) for enter in enters])
        self.state = torch.stack([self._seen(self._rows(_live_weight(layer.scan)[front.branch])) for layer in layers])
        self.bias = torch.stack([self._rows(b.T) for b in bias])
        outputs, inputs = (size // self.groups for size in itself.weight.shape[:2])
        told = itself.weight.detach().flatten(1) * blocks(mask, outputs, inputs)
        self.itself = self._entering(enters[0] @ told)
        self.bias[0] += enters[0] @ itself.bias.detach().unsqueeze(1)

    def _rows(self, weight):
        """Rows of the front's groups: gates, then channels, then groups, for states side by side."""
        by_gate = weight.unflatten(0, (4, self.groups, -1))[:, list(self.front.groups)]
        return by_gate.transpose(1, 2).flatten(0, 2)

    def _entering(self, weight):
        return weight.unflatten(1, (self.groups, -1))[:, list(self.front.entering)].transpose(1, 2).flatten(1)

    def _seen(self, weight):
        tap, group = (list(index) for index in zip(*self.front.seen, strict=True))
        by_look = weight.unflatten(1, (self.groups, -1, self.front.taps))[:, group, :, tap]
        return by_look.permute(1, 2, 0).flatten(1)


def _live_weight(scan):
    weight = scan.weight.detach()
    return weight if scan.live is None else weight * scan.live


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
