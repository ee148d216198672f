"""The Diagonal BiLSTM: a recurrence along the diagonals of an image that sees all of its past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Order, Signature, Stepper
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixel_rnn.base import PixelRNN
from tensorar_plugins.backbones.pixel_rnn.diagonal_bilstm_stepper import DiagonalBiLSTMStepper
from tensorar_plugins.backbones.pixel_rnn.scan_directions import (
    DirectionView,
    ScanDirections,
    scan_directions,
    shift_along,
)
from tensorar_plugins.backbones.pixel_rnn.scan_lstm import ScanLSTM, block_mask, uniform_parameter


class DiagonalBiLSTM(PixelRNN):
    """Diagonal by diagonal, from the left and from the right: an LSTM that sees everything before it.

    ``gates[i, j] = K_left h[i, j - 1] + K_up h[i - 1, j] + K_input x[i, j]``, for all ``i + j`` at once; the same over
    the mirrored image, shifted down one row so that it sees no future, and both added. Van den Oord, Kalchbrenner,
    Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", sections 3.2 and 3.3, table 1. An event of ``d`` axes has ``d``
    neighbors and ``2 ** (d - 1)`` mirror images; a sequence has one, and an ordinary LSTM. Outside of the map, the
    state is the learned initial one.

    The paper's mirrored scan starts from maps that do not depend on their own pixel, and so never sees the last pixel
    of the row above. Because it is shifted anyway, here it starts from maps that depend on that pixel too. The forget
    gate's bias starts at 1, which the paper does not mention: Jozefowicz, Zaremba, Sutskever 2015, "An Empirical
    Exploration of Recurrent Network Architectures".

    Options:
        channels: Number of channels of the recurrent state, per coefficient of a pixel; the residual stream has twice
            as many.
        layers: Number of recurrent layers.
        first_kernel: Kernel size of the first convolution, in pixels along every axis; odd.
    """

    name = "diagonal_bilstm"
    sequential_over = "diagonals"

    def __init__(self, signature: Signature, *, channels: int = 16, layers: int = 7, first_kernel: int = 7) -> None:
        super().__init__(signature, channels=channels, layers=layers, first_kernel=first_kernel)

    def recurrent_layers(self, ranks: Ranks, count: int) -> Iterator[DiagonalLayer]:
        directions = scan_directions(ranks)
        skew = directions.skew()
        self.own_pixel = self._own_pixel(ranks) if skew.directions > 1 else None
        for _ in range(count):
            scan = ScanLSTM(skew, directions.state_mask, self.channels)
            yield DiagonalLayer(self.signature, directions, scan, self.channels)

    def _own_pixel(self, ranks: Ranks) -> MaskedConv:
        return MaskedConv(self.grid, self.signature.feature_count, 2 * self.channels, 1, include_self=True, ranks=ranks)

    def recur(
        self,
        maps: Float[Tensor, "batch groups_maps *sizes"],
        inputs: Float[Tensor, "batch groups_features *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_maps *sizes"]:
        mirrored = maps if self.own_pixel is None else maps + self.own_pixel(inputs, ranks)
        for layer in self.layers:
            maps = maps + layer(maps, mirrored, context)
            mirrored = maps
        return maps

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> Stepper:
        return DiagonalBiLSTMStepper(self, order, batch, context)


class DiagonalLayer(nn.Module):
    """Skew, input-to-state for all diagonals at once, the scan along them, unskew, and back to the residual stream."""

    live: Tensor

    def __init__(self, signature: Signature, directions: ScanDirections, scan: ScanLSTM, channels: int) -> None:
        super().__init__()
        groups, count = len(directions.rank), len(directions.mirrors)
        state, mask = groups * channels, directions.input_mask
        self.weight = uniform_parameter(count, 4 * state, 2 * state, fan_in=mask.sum() * 2 * channels / groups)
        self.bias = nn.Parameter(torch.zeros(count, 4 * state, 1))
        # forget gates start open; they are the second of the four gates
        nn.init.ones_(self.bias.data.unflatten(1, (4, -1))[:, 1])
        self.register_buffer("live", block_mask(mask, channels, 2 * channels).repeat(4, 1), persistent=False)
        self.context = ContextBias(signature, count * 4 * state, dim=1)
        self.scan = scan
        self.join = JoinDirections(directions.views, channels, 2 * channels)

    def forward(
        self,
        maps: Float[Tensor, "batch groups_maps *sizes"],
        mirrored: Float[Tensor, "batch groups_maps *sizes"],
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_maps *sizes"]:
        """``(B, groups * 2 * channels, *sizes)``; ``mirrored`` are the inputs of the mirrored scans."""
        # (groups * 2 * channels, cells, B)
        plain, mirrored = (m.flatten(2).permute(1, 2, 0).contiguous() for m in (maps, mirrored))
        skewed = self.scan.skew([plain] + [mirrored] * (len(self.weight) - 1))
        # (directions, 4 * groups * channels, cells, B)
        gates = torch.baddbmm(self.bias, self.weight * self.live, skewed.flatten(2)).unflatten(2, skewed.shape[2:])
        states = self.scan.skew.undo(self.scan(self._add_context(gates, context)))
        joined = self.join([state.unflatten(1, maps.shape[2:]) for state in states])
        out: Tensor = joined.movedim(-1, 0).reshape(maps.shape)
        return out

    def _add_context(
        self, gates: Float[Tensor, "directions gates cells batch"], context: Float[Tensor, "batch context"] | None
    ) -> Float[Tensor, "directions gates cells batch"]:
        by_example = self.context(gates.movedim(-1, 0).flatten(1, 2), context)
        with_context: Tensor = by_example.unflatten(1, gates.shape[:2]).movedim(0, -1)
        return with_context


class JoinDirections(nn.Module):
    """A 1x1 convolution of the sum of the directions, the mirrored ones one cell back: ``2h`` maps from ``h``."""

    live: Tensor

    def __init__(self, views: Sequence[DirectionView], inputs: int, outputs: int) -> None:
        super().__init__()
        groups = len(views[0].mask)
        self.shifts = [view.shifts for view in views]
        live = torch.stack([block_mask(view.mask, outputs, inputs) for view in views])
        self.register_buffer("live", live, persistent=False)
        self.weight = uniform_parameter(groups * outputs, groups * inputs, fan_in=views[0].mask.sum() * inputs / groups)
        self.bias = nn.Parameter(torch.zeros(groups * outputs, 1))

    def forward(self, maps: Sequence[Float[Tensor, "channels *sizes batch"]]) -> Float[Tensor, "outputs cells batch"]:
        """Maps of each direction, ``(C, *sizes, B)``, to ``(outputs, cells, B)``."""
        out: Tensor = self.bias
        for live, shifts in zip(self.live, self.shifts, strict=True):
            total = reduce(torch.add, [shift_along(maps[direction], axis) for direction, axis in shifts])
            out = torch.addmm(out, self.weight * live, total.flatten(1))
        by_cell: Tensor = out.unflatten(1, (-1, maps[0].shape[-1]))
        return by_cell
