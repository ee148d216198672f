"""Layers that the PixelCNNs are built of."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv


class MaskedLayer(nn.Module):
    """A masked convolution that listens to the context: ``inputs`` to ``outputs`` maps per group."""

    def __init__(self, signature, grid, inputs, outputs, kernel, **options):
        super().__init__()
        self.conv = MaskedConv(grid, inputs, outputs, kernel, **options)
        self.context = ContextBias(signature, grid.groups * outputs, dim=1)

    def forward(self, maps, ranks, context):
        return self.context(self.conv(maps, ranks), context)


class Answer(nn.Module):
    """From maps to parameters: twice ReLU and a 1x1 convolution (mask B) of ``hidden`` maps, then the same without end.

    Van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", table 1.
    """

    def __init__(self, signature, grid, inputs, hidden, *, ranks=None):
        super().__init__()
        self.grid = grid
        widths = [inputs, hidden, hidden, signature.parameter_count]
        self.layers = nn.ModuleList(
            MaskedLayer(signature, grid, a, b, 1, include_self=True, ranks=ranks) for a, b in pairwise(widths)
        )

    def init_output_bias(self, marginal):
        """Begin at the mean of the marginals over the positions: the output is shared between them."""
        bias = self.layers[-1].conv.bias
        bias.data = self.grid.maps(marginal.unsqueeze(0)).flatten(2).mean((0, 2)).to(bias)

    def forward(self, maps, ranks, context):
        """``(B, groups * inputs, *sizes)`` to ``(B, *event, parameters)``."""
        for layer in self.layers:
            maps = layer(maps.relu(), ranks, context)
        return self.grid.events(maps)
