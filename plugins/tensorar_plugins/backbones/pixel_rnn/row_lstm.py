"""The Row LSTM: a recurrence down the rows of an image, convolutional along them."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Bool, Float
from torch import Tensor, nn

from tensorar import Order, Signature, Stepper
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Kernel, Ranks
from tensorar_plugins.backbones.pixel_rnn.base import PixelRNN
from tensorar_plugins.backbones.pixel_rnn.row_lstm_stepper import RowLSTMStepper
from tensorar_plugins.backbones.pixel_rnn.scan_lstm import ScanLSTM
from tensorar_plugins.backbones.pixel_rnn.skew import Skew, rows


class RowLSTM(PixelRNN):
    """Row by row: an LSTM whose state is a whole row, convolved on its way to the next one.

    ``gates[r] = K_state * h[r - 1] + K_input * x[r]``, where ``K_input`` sees its own row by the rank rule and
    ``K_state`` the whole previous row, both ``kernel`` wide. Van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel
    Recurrent Neural Networks", sections 3.1 and 3.3, table 1. The rows of a volume are its slices, and those of a
    sequence its coefficients: there the LSTM is an ordinary one, and sees everything. Outside of the map, the state is
    the learned initial one. The forget gate's bias starts at 1, which the paper does not mention: Jozefowicz, Zaremba,
    Sutskever 2015, "An Empirical Exploration of Recurrent Network Architectures".

    Options:
        channels: Number of channels of the recurrent state, per coefficient of a pixel; the residual stream has twice
            as many.
        layers: Number of recurrent layers.
        kernel: Kernel size of the recurrent layers, in pixels along the rows; odd.
        first_kernel: Kernel size of the first convolution, in pixels along every axis; odd.
    """

    name = "row_lstm"
    sequential_over = "rows"
    blind_spot = "the rows above outside a triangle that widens row by row; far back in its own row"

    def __init__(
        self, signature: Signature, *, channels: int = 16, layers: int = 7, kernel: int = 3, first_kernel: int = 7
    ) -> None:
        self.kernel = kernel
        super().__init__(signature, channels=channels, layers=layers, first_kernel=first_kernel)

    def recurrent_layers(self, ranks: Ranks, count: int) -> Iterator[RowLayer]:
        along = Kernel.of(self.kernel, self.grid.sizes).size[1:]
        self.offsets, mask = previous_row(ranks, along)
        skew = Skew(rows(self.grid.sizes), self.offsets)
        for _ in range(count):
            scan = ScanLSTM(skew, mask, self.channels)
            yield RowLayer(self.signature, self.grid, ranks, scan, self.channels, (1, *along))

    def recur(
        self,
        maps: Float[Tensor, "batch groups_maps *sizes"],
        inputs: Float[Tensor, "batch groups_features *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_maps *sizes"]:
        for layer in self.layers:
            maps = maps + layer(maps, ranks, context)
        return maps

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> Stepper:
        return RowLSTMStepper(self, order, batch, context)


def previous_row(
    ranks: Ranks, along: tuple[int, ...]
) -> tuple[tuple[tuple[int, ...], ...], Bool[Tensor, "taps groups groups"]]:
    """The offsets into the previous row, straight above first, and which groups see which at each of them."""
    kernel = Kernel((3, *along))
    live = ranks.taps(kernel, include_self=True).weight_mask
    above = [i for i, offset in enumerate(kernel.offsets) if offset[0] == -1]
    above.sort(key=lambda i: any(kernel.offsets[i][1:]))
    return tuple(kernel.offsets[i] for i in above), live[above]


class RowLayer(nn.Module):
    """Input-to-state convolution of all rows at once, the scan down the rows, and back to the residual stream."""

    def __init__(
        self,
        signature: Signature,
        grid: Grid,
        ranks: Ranks,
        scan: ScanLSTM,
        channels: int,
        kernel: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.input_to_state = MaskedLayer(
            signature, grid, 2 * channels, 4 * channels, kernel, include_self=True, ranks=ranks
        )
        self.scan = scan
        self.to_maps = MaskedConv(grid, channels, 2 * channels, 1, include_self=True, ranks=ranks)
        self.groups = grid.groups
        # forget gates start open; they are the second of the four gates
        bias = self.input_to_state.conv.bias
        assert bias is not None
        nn.init.ones_(bias.data.unflatten(0, (self.groups, 4, -1))[:, 1])

    def forward(
        self,
        maps: Float[Tensor, "batch groups_maps *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_maps *sizes"]:
        """``(B, groups * 2 * channels, *sizes)`` to the same shape."""
        by_group = self.input_to_state(maps, ranks, context).flatten(2).unflatten(1, (self.groups, 4, -1))
        # (B, groups, gates, channels, cells) to (gates * groups * channels, cells, B)
        gates = by_group.permute(2, 1, 3, 4, 0).flatten(0, 2).contiguous()
        # rows in raster order are one behind the other already: no skewing
        hidden = self.scan(gates.unsqueeze(0)).squeeze(0)
        out: Tensor = self.to_maps(hidden.movedim(-1, 0).reshape(len(maps), -1, *maps.shape[2:]), ranks)
        return out
