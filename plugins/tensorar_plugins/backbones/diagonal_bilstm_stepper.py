"""The Diagonal BiLSTM one coefficient at a time."""

from __future__ import annotations

import torch

from tensorar_plugins.backbones.mirror_plan import mirror_plan
from tensorar_plugins.backbones.mirrored_scans import MirroredScans
from tensorar_plugins.backbones.pixel_rnn_stepper import Dense, Entry, PixelRNNStepper, Recurrence, by_group
from tensorar_plugins.backbones.state_memory import columns, state_table


class DiagonalBiLSTMStepper(PixelRNNStepper):
    """As all PixelRNNs for the plain scan: from the states of the neighbours on every axis.

    The mirrored scans go through a row when the next one begins, as the row's maps are known then in all layers: one
    loop over its columns for all layers at once (``MirrorPlan``: so it is for any number of axes). Held besides are
    the maps of that row, and mirrored states as long as they are looked at.
    """

    def __init__(self, backbone, ranks, batch, context):
        plan, layers, width = mirror_plan(ranks), backbone.layers, backbone.channels
        bias = [_bias(layer, context) for layer in layers]
        self.plan, self.mirrored = plan, MirroredScans(plan, layers, bias, backbone.itself, batch)
        # maps of the step at hand: the own ones, and those of the other groups of the cell
        others = max(map(len, plan.telling))
        self.now = layers[0].weight.detach().new_zeros(len(layers), 2 * width * (1 + others), batch)
        self.own, self.others = self.now.split([2 * width, 2 * width * others], 1)
        entries = [self._entries(layers, group) for group in range(plan.groups)]
        plain = [_recurrence(layer, b[:, 0], plan.groups) for layer, b in zip(layers, bias, strict=True)]
        table = state_table(ranks, plan.offsets)
        super().__init__(backbone, ranks, batch, context, table, plain, entries, plan.viewed)

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
        self.mirrored.show(t, features)

    def tell(self, t, group):
        super().tell(t, group)
        self.mirrored.advance(t)
        views, told = self.weights[group].views, self.plan.told[t]
        if views is not None:
            self.told[:, views].copy_(self.mirrored.states.gather(self.plan.views[t]))
        if told is not None:
            found = self.mirrored.maps.index_select(2, told).flatten(1, 2)
            self.others[:, : found.shape[1]].copy_(found)

    def keep(self, t):
        super().keep(t)
        self.mirrored.keep(t, self.own)


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
