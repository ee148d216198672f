"""The Row LSTM: a recurrence down the rows of an image, convolutional along them."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn

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
        ranks = self.grid.ranks(order)
        above, _ = row_above(ranks, self.layers[0].enter.conv.kernel.size[1:])
        return RowLSTMStepper(self, ranks, batch, context, above)


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
