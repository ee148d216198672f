"""The Row LSTM: a recurrence down the rows of an image, convolutional along them."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tensorar_plugins.backbones.masked_conv.cache_layout import steps_of
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.incremental import Gathering, with_bias
from tensorar_plugins.backbones.masked_conv.taps import Kernel
from tensorar_plugins.backbones.pixel_rnn.base import PixelRNN
from tensorar_plugins.backbones.pixel_rnn.base_stepper import Dense, Entry, PixelRNNStepper, Recurrence, by_group
from tensorar_plugins.backbones.pixel_rnn.scan_lstm import ScanLSTM
from tensorar_plugins.backbones.pixel_rnn.skew import Skew, rows
from tensorar_plugins.backbones.pixel_rnn.state_cache import state_table
from tensorar_plugins.backbones.pixelcnn.layers import MaskedLayer


class RowLSTM(PixelRNN):
    """Row by row: an LSTM whose state is a whole row, convolved on its way to the next one.

    ``gates[r] = K_state * h[r - 1] + K_input * x[r]``, where ``K_input`` sees its own row by the rank rule and
    ``K_state`` the row before as a whole, both ``kernel`` wide. Van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel
    Recurrent Neural Networks", sections 3.1 and 3.3, table 1. ``channels`` are those of the state of each group of
    channels (R, G, B). The rows of a volume are its slices, and those of a sequence its coefficients: there the LSTM is
    an ordinary one, and sees everything. Beyond the map, the state is the learned initial one. The forget gate's bias
    begins at 1, of which the paper says nothing: Jozefowicz, Zaremba, Sutskever 2015, "An Empirical Exploration of
    Recurrent Network Architectures".
    """

    name = "row_lstm"
    sequential_over = "rows"
    blind_spot = "the corners above beside a triangle widening row by row; far back in the own row"

    def __init__(self, signature, *, channels: int = 16, layers: int = 7, kernel: int = 3, first: int = 7):
        self.kernel = kernel
        super().__init__(signature, channels=channels, layers=layers, first=first)

    def recurrent_layers(self, ranks, count):
        along = Kernel.of(self.kernel, self.grid.sizes).size[1:]
        offsets, mask = row_above(ranks, along)
        skew = Skew(rows(self.grid.sizes), offsets)
        for _ in range(count):
            scan = ScanLSTM(skew, mask, self.channels)
            yield RowLayer(self.signature, self.grid, ranks, scan, self.channels, (1, *along))

    def recur(self, maps, seen, ranks, context):
        for layer in self.layers:
            maps = maps + layer(maps, ranks, context)
        return maps

    def stepper(self, order, batch, context=None):
        return RowLSTMStepper(self, order, batch, context)


def row_above(ranks, along):
    """The offsets into the row before, straight above first, and which groups see which at each of them."""
    kernel = Kernel((3, *along))
    live = ranks.taps(kernel, include_self=True).weight_mask
    above = [i for i, offset in enumerate(kernel.offsets) if offset[0] == -1]
    above.sort(key=lambda i: any(kernel.offsets[i][1:]))
    return [kernel.offsets[i] for i in above], live[above]


class RowLayer(nn.Module):
    """Input-to-state convolution of all rows at once, the scan down the rows, and back to the residual stream."""

    def __init__(self, signature, grid, ranks, scan, channels, kernel):
        super().__init__()
        self.enter = MaskedLayer(signature, grid, 2 * channels, 4 * channels, kernel, include_self=True, ranks=ranks)
        self.scan = scan
        self.leave = MaskedConv(grid, channels, 2 * channels, 1, include_self=True, ranks=ranks)
        self.groups = grid.groups
        # remember at first
        nn.init.ones_(self.enter.conv.bias.data.unflatten(0, (self.groups, 4, -1))[:, 1])

    def forward(self, maps, ranks, context):
        by_group = self.enter(maps, ranks, context).flatten(2).unflatten(1, (self.groups, 4, -1))
        drive = by_group.permute(2, 1, 3, 4, 0).flatten(0, 2).contiguous()
        # rows in raster order are one behind the other already: no skewing
        hidden = self.scan(drive.unsqueeze(0)).squeeze(0)
        return self.leave(hidden.movedim(-1, 0).reshape(len(maps), -1, *maps.shape[2:]), ranks)


# coefficients whose looks at the row before are multiplied at once; bounds memory where a row is a slice
TOGETHER = 64


class RowLSTMStepper(PixelRNNStepper):
    """As all PixelRNNs; and the state-to-state convolution is taken for a whole row when that row begins.

    All that it looks at lies in the row before: one product serves all layers, and 64 coefficients of a group. What it
    gives, ``(layers, 4 * width, slots, B)``, is held until the turn of each of them.
    """

    def begin(self):
        backbone, context, ranks = self.backbone, self.context, self.backbone.grid.ranks(self.order)
        above, _ = row_above(ranks, backbone.layers[0].enter.conv.kernel.size[1:])
        offsets = tuple(above)
        enters = [with_bias(layer.enter, context) for layer in backbone.layers]
        self.enters = Gathering(enters, ranks, self.batch)
        entries = [[Entry(p.own.T, p.rows.T, p.weight.T) for p in places] for places in self.enters.places]
        layers = [_recurrence(layer, bias, offsets) for layer, (_, bias) in zip(backbone.layers, enters, strict=True)]
        views = [[] for _ in entries]
        self.set_up(ranks, state_table(ranks, offsets), layers, entries, views)
        self.plan = prepare_plan(ranks, offsets)
        self.prepared = self.drives.new_zeros(*self.drives.shape[:2], self.plan.slots, self.batch)
        self.prepared_at = self.prepared.unbind(2)

    def state(self):
        return super().state() | self.enters.state("enters") | {"prepared": self.prepared.movedim(-1, 0)}

    def drive(self, t, group):
        self.enters.fetch(t)
        if t in self.plan.beginning:
            self._prepare(self.plan.beginning[t], self.weights[group])
        self.drives.copy_(self.prepared_at[self.plan.slot[t]])

    def _prepare(self, part, weights):
        seen = self.states.gather(part.seen, part.count)
        bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, part.count)
        prepared = self.prepared.narrow(2, part.slot, part.count).flatten(2)
        torch.baddbmm(bias, weights.state, seen, out=prepared)

    def keep(self, t):
        super().keep(t)
        self.enters.keep(t)


class Part(NamedTuple):
    """Steps prepared at once: how many, the first of their slots, and the places at which they look."""

    count: int
    slot: int
    seen: Tensor


class PreparePlan(NamedTuple):
    """``beginning[t]`` is prepared when step ``t`` begins, and step ``t`` finds its own in ``slot[t]`` of ``slots``."""

    beginning: dict[int, Part]
    slot: list[int]
    slots: int


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def prepare_plan(ranks, offsets):
    """The parts of the rows of each group, and their slots; groups that take turns within a row have their own."""
    table = state_table(ranks, offsets)
    row = torch.empty_like(ranks.rank.flatten())
    row[steps_of(ranks)] = rows(ranks.rank.shape[1:]).to(row.device).flatten().repeat_interleave(len(ranks.rank))
    parts = []
    for group, steps in enumerate(table.steps):
        counts = row[steps].unique_consecutive(return_counts=True)[1].tolist()
        parts += [(group, part.tolist()) for of_row in steps.split(counts) for part in of_row.split(TOGETHER)]
    parts.sort(key=lambda part: part[1])
    take_turns = any(before[-1] > after[0] for (_, before), (_, after) in pairwise(parts))
    longest = max(len(steps) for _, steps in parts)
    plan = PreparePlan({}, [0] * len(row), longest * (len(table.steps) if take_turns else 1))
    for group, steps in parts:
        first = group * longest if take_turns else 0
        seen = torch.stack([table.seen[t] for t in steps], 1).flatten()
        plan.beginning[steps[0]] = Part(len(steps), first, seen)
        for i, t in enumerate(steps):
            plan.slot[t] = first + i
    return plan


def _recurrence(layer, bias, offsets):
    scan, groups = layer.scan, layer.groups
    state = by_group(scan.weight[0].detach(), groups).unflatten(1, (-1, len(offsets)))
    hidden, cell = (s.detach().flatten() for s in (scan.hidden, scan.cell))
    return Recurrence(Dense(state, groups), bias, layer.leave, layer.leave.bias.detach(), hidden, cell)
