"""What the two PixelRNNs share: all but their recurrent layers."""

from __future__ import annotations

from abc import abstractmethod

from torch import nn

from tensorar import CausalBackbone, Order
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.pixelcnn.layers import Answer, MaskedLayer


class PixelRNN(CausalBackbone):
    """Masked convolution (mask A), recurrent layers with residual connections, two 1x1 layers and the output (mask B).

    The residual stream has ``2 * channels`` maps per group, the recurrent state ``channels``: table 1 and figure 5 of
    the paper.
    """

    orders = "raster"
    ignores_unit_axes = True

    def __init__(self, signature, *, channels, layers, first):
        super().__init__(signature)
        require_positive(self.name, channels=channels, layers=layers)
        self.grid, self.channels = Grid.of(signature.event_shape), channels
        ranks, width = self.grid.ranks(Order.raster(signature.event_shape)), 2 * channels
        self.first = MaskedLayer(signature, self.grid, signature.feature_count, width, first, ranks=ranks)
        self.layers = nn.ModuleList(self.recurrent_layers(ranks, layers))
        self.answer = Answer(signature, self.grid, width, width, ranks=ranks)

    @abstractmethod
    def recurrent_layers(self, ranks, count):
        """So many recurrent layers."""

    @abstractmethod
    def recur(self, maps, seen, ranks, context):
        """What the recurrent layers make of the maps of the first layer; ``seen`` is what that one saw."""

    def init_output_bias(self, marginal):
        self.answer.init_output_bias(marginal)

    def forward(self, features, order, context=None):
        ranks, seen = self.grid.ranks(order), self.grid.maps(features)
        maps = self.recur(self.first(seen, ranks, context), seen, ranks, context)
        return self.answer(maps, ranks, context)
