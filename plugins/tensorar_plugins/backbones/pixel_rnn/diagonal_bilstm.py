"""The Diagonal BiLSTM: a recurrence along the diagonals of an image that sees all of its past."""

from __future__ import annotations

import torch
from torch import nn

from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.pixel_rnn.base import PixelRNN
from tensorar_plugins.backbones.pixel_rnn.base_stepper import Dense, Entry, PixelRNNStepper, Recurrence, by_group
from tensorar_plugins.backbones.pixel_rnn.mirrored.scans import MirroredScans
from tensorar_plugins.backbones.pixel_rnn.mirrored.schedule import mirror_plan
from tensorar_plugins.backbones.pixel_rnn.scan_directions import Branches, shifted
from tensorar_plugins.backbones.pixel_rnn.scan_lstm import ScanLSTM, blocks, uniform
from tensorar_plugins.backbones.pixel_rnn.state_cache import columns, state_table


class DiagonalBiLSTM(PixelRNN):
    """Diagonal by diagonal, from the left and from the right: an LSTM that sees everything before it.

    ``gates[i, j] = K_left h[i, j - 1] + K_up h[i - 1, j] + K_input x[i, j]``, for all ``i + j`` at once; the same over
    the mirrored image, shifted down one row so that it sees no future, and both added. Van den Oord, Kalchbrenner,
    Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", sections 3.2 and 3.3, table 1. ``channels`` are those of the
    state of each group of channels (R, G, B). An event of ``d`` axes has ``d`` neighbours and ``2 ** (d - 1)`` mirror
    images; a sequence has one, and an ordinary LSTM. Beyond the map, the state is the learned initial one.

    The paper's mirrored scan starts from maps that do not see their own pixel, and so never shows the last pixel of
    the row above. As it is shifted anyhow, here it sees that pixel too. The forget gate's bias begins at 1, of which
    the paper says nothing: Jozefowicz, Zaremba, Sutskever 2015, "An Empirical Exploration of Recurrent Network
    Architectures".
    """

    name = "diagonal_bilstm"
    sequential_over = "diagonals"

    def __init__(self, signature, *, channels: int = 16, layers: int = 7, first: int = 7):
        super().__init__(signature, channels=channels, layers=layers, first=first)

    def recurrent_layers(self, ranks, count):
        branches = Branches(ranks)
        skew = branches.skew()
        self.own_pixel = self._own_pixel(ranks) if skew.branches > 1 else None
        for _ in range(count):
            scan = ScanLSTM(skew, branches.state_mask, self.channels)
            yield DiagonalLayer(self.signature, branches, scan, self.channels)

    def _own_pixel(self, ranks):
        return MaskedConv(self.grid, self.signature.feature_count, 2 * self.channels, 1, include_self=True, ranks=ranks)

    def recur(self, maps, seen, ranks, context):
        mirrored = maps if self.own_pixel is None else maps + self.own_pixel(seen, ranks)
        for layer in self.layers:
            maps = maps + layer(maps, mirrored, context)
            mirrored = maps
        return maps

    def stepper(self, order, batch, context=None):
        return DiagonalBiLSTMStepper(self, order, batch, context)


class DiagonalLayer(nn.Module):
    """Skew, input-to-state for all diagonals at once, the scan along them, unskew, and back to the residual stream."""

    def __init__(self, signature, branches, scan, channels):
        super().__init__()
        groups, count = len(branches.rank), len(branches.mirrors)
        state, mask = groups * channels, branches.input_mask
        self.weight = uniform(count, 4 * state, 2 * state, fan_in=mask.sum() * 2 * channels / groups)
        self.bias = nn.Parameter(torch.zeros(count, 4 * state, 1))
        # remember at first
        nn.init.ones_(self.bias.data.unflatten(1, (4, -1))[:, 1])
        live = blocks(mask, channels, 2 * channels).repeat(4, 1)
        self.register_buffer("live", live, persistent=False)
        self.context = ContextBias(signature, count * 4 * state, dim=1)
        self.scan = scan
        self.join = Join(branches.looks, channels, 2 * channels)

    def forward(self, maps, mirrored, context):
        """``(B, groups * 2 * channels, *sizes)``, as the plain scan sees them and as the mirrored ones may."""
        plain, mirrored = (m.flatten(2).permute(1, 2, 0).contiguous() for m in (maps, mirrored))
        skewed = self.scan.skew([plain] + [mirrored] * (len(self.weight) - 1))
        drive = torch.baddbmm(self.bias, self.weight * self.live, skewed.flatten(2)).unflatten(2, skewed.shape[2:])
        states = self.scan.skew.undo(self.scan(self._hear(drive, context)))
        joined = self.join([state.unflatten(1, maps.shape[2:]) for state in states])
        return joined.movedim(-1, 0).reshape(maps.shape)

    def _hear(self, drive, context):
        """The context's bias to every gate."""
        by_example = drive.movedim(-1, 0).flatten(1, 2)
        return self.context(by_example, context).unflatten(1, drive.shape[:2]).movedim(0, -1)


class Join(nn.Module):
    """A 1x1 convolution of the sum of the branches, those from mirror images one cell back: ``2h`` maps of ``h``."""

    def __init__(self, looks, inputs, outputs):
        super().__init__()
        groups = len(looks[0].mask)
        self.views = [look.branch_axes for look in looks]
        self.register_buffer("live", torch.stack([blocks(k.mask, outputs, inputs) for k in looks]), persistent=False)
        self.weight = uniform(groups * outputs, groups * inputs, fan_in=looks[0].mask.sum() * inputs / groups)
        self.bias = nn.Parameter(torch.zeros(groups * outputs, 1))

    def forward(self, maps):
        """``(C, *sizes, B)`` per branch to ``(outputs, cells * B)``."""
        out = self.bias
        for live, views in zip(self.live, self.views, strict=True):
            total = sum(shifted(maps[branch], axis) for branch, axis in views)
            out = torch.addmm(out, self.weight * live, total.flatten(1))
        return out.unflatten(1, (-1, maps[0].shape[-1]))


class DiagonalBiLSTMStepper(PixelRNNStepper):
    """As all PixelRNNs for the plain scan: from the states of the neighbours on every axis.

    The mirrored scans go through a row when the next one begins, as the row's maps are known then in all layers: one
    loop over its columns for all layers at once (``MirrorPlan``: so it is for any number of axes). Held besides are
    the maps of that row, and mirrored states as long as they are looked at.
    """

    def begin(self):
        backbone, batch, context, ranks = self.backbone, self.batch, self.context, self.backbone.grid.ranks(self.order)
        plan, layers, width = mirror_plan(ranks), backbone.layers, backbone.channels
        bias = [_bias(layer, context) for layer in layers]
        self.plan, self.mirrored = plan, MirroredScans(plan, layers, bias, backbone.own_pixel, batch)
        # maps of the step at hand: the own ones, and those of the other groups of the cell
        others = max(map(len, plan.telling))
        self.now = layers[0].weight.detach().new_zeros(len(layers), 2 * width * (1 + others), batch)
        self.own, self.others = self.now.split([2 * width, 2 * width * others], 1)
        entries = [self._entries(layers, group) for group in range(plan.groups)]
        plain = [_recurrence(layer, b[:, 0], plan.groups) for layer, b in zip(layers, bias, strict=True)]
        table = state_table(ranks, plan.offsets)
        self.set_up(ranks, table, plain, entries, plan.viewed)

    def state(self):
        return super().state() | self.mirrored.state("mirrored")

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
