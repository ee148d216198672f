"""The Row LSTM: a recurrence down the rows of an image, convolutional along them."""

from __future__ import annotations

from torch import nn

from tensorar_plugins.backbones.lstm import ScanLSTM
from tensorar_plugins.backbones.masked_conv import MaskedConv
from tensorar_plugins.backbones.pixel_layers import MaskedLayer
from tensorar_plugins.backbones.pixel_rnn import PixelRNN
from tensorar_plugins.backbones.row_lstm_stepper import RowLSTMStepper
from tensorar_plugins.backbones.skew import Skew, rows
from tensorar_plugins.backbones.taps import Kernel


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
    scans = "rows"
    blind_to = "the corners above beside a triangle widening row by row; far back in the own row"

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
    live = ranks.taps(kernel, itself=True).weight_mask
    above = [i for i, offset in enumerate(kernel.offsets) if offset[0] == -1]
    above.sort(key=lambda i: any(kernel.offsets[i][1:]))
    return [kernel.offsets[i] for i in above], live[above]


class RowLayer(nn.Module):
    """Input-to-state convolution of all rows at once, the scan down the rows, and back to the residual stream."""

    def __init__(self, signature, grid, ranks, scan, channels, kernel):
        super().__init__()
        self.enter = MaskedLayer(signature, grid, 2 * channels, 4 * channels, kernel, itself=True, ranks=ranks)
        self.scan = scan
        self.leave = MaskedConv(grid, channels, 2 * channels, 1, itself=True, ranks=ranks)
        self.groups = grid.groups
        # remember at first
        nn.init.ones_(self.enter.conv.bias.data.unflatten(0, (self.groups, 4, -1))[:, 1])

    def forward(self, maps, ranks, context):
        by_group = self.enter(maps, ranks, context).flatten(2).unflatten(1, (self.groups, 4, -1))
        drive = by_group.permute(2, 1, 3, 4, 0).flatten(0, 2).contiguous()
        # rows in raster order are one behind the other already: no skewing
        hidden = self.scan(drive.unsqueeze(0)).squeeze(0)
        return self.leave(hidden.movedim(-1, 0).reshape(len(maps), -1, *maps.shape[2:]), ranks)
