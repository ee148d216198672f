"""The Row LSTM one coefficient at a time."""

from __future__ import annotations

from functools import lru_cache

import torch

from tensorar_plugins.backbones.gathering import Gathering, with_bias
from tensorar_plugins.backbones.pixel_rnn_stepper import Dense, Entry, PixelRNNStepper, Recurrence, by_group
from tensorar_plugins.backbones.skew import rows
from tensorar_plugins.backbones.state_memory import state_table
from tensorar_plugins.backbones.tap_table import steps_of

# coefficients whose looks at the row before are multiplied at once; bounds memory where a row is a slice
TOGETHER = 64


class RowLSTMStepper(PixelRNNStepper):
    """As all PixelRNNs; and the state-to-state convolution is taken for a whole row when that row begins.

    All that it looks at lies in the row before: one product serves all layers, and 64 coefficients of a group.
    """

    def __init__(self, backbone, ranks, batch, context, offsets):
        offsets = tuple(offsets)
        enters = [with_bias(layer.enter, context) for layer in backbone.layers]
        self.enters = Gathering(enters, ranks, batch)
        entries = [[Entry(p.own.T, p.rows.T, p.weight.T) for p in places] for places in self.enters.places]
        layers = [_recurrence(layer, bias, offsets) for layer, (_, bias) in zip(backbone.layers, enters, strict=True)]
        views = [[] for _ in entries]
        super().__init__(backbone, ranks, batch, context, state_table(ranks, offsets), layers, entries, views)
        self.together, self.prepared = together(ranks, offsets), {}

    def drive(self, t, group):
        self.enters.fetch(t)
        if t in self.together:
            steps, index = self.together[t]
            weights, seen = self.weights[group], self.states.gather(index, len(steps))
            bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, len(steps))
            drives = torch.baddbmm(bias, weights.state, seen).unflatten(2, (len(steps), -1))
            self.prepared.update(zip(steps, drives.unbind(2), strict=True))
        self.drives.copy_(self.prepared.pop(t))

    def keep(self, t):
        super().keep(t)
        self.enters.keep(t)


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def together(ranks, offsets):
    """By the first step of each: steps in one row and of one group, and the places at which they look."""
    table, found = state_table(ranks, offsets), {}
    row = torch.empty_like(ranks.rank.flatten())
    row[steps_of(ranks)] = rows(ranks.rank.shape[1:]).to(row.device).flatten().repeat_interleave(len(ranks.rank))
    for steps in table.steps:
        counts = row[steps].unique_consecutive(return_counts=True)[1].tolist()
        for some in (part.tolist() for of_row in steps.split(counts) for part in of_row.split(TOGETHER)):
            found[some[0]] = some, torch.stack([table.seen[t] for t in some], 1).flatten()
    return found


def _recurrence(layer, bias, offsets):
    scan, groups = layer.scan, layer.groups
    state = by_group(scan.weight[0].detach(), groups).unflatten(1, (-1, len(offsets)))
    hidden, cell = (s.detach().flatten() for s in (scan.hidden, scan.cell))
    return Recurrence(Dense(state, groups), bias, layer.leave, layer.leave.bias.detach(), hidden, cell)
