"""The base class of the two PixelRNNs, which differ in their recurrent layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Order, Signature
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixelcnn.layers import MaskedConvBackbone, OutputLayers


class PixelRNN(MaskedConvBackbone):
    """Masked convolution (mask A), recurrent layers with residual connections, two 1x1 layers and the output (mask B).

    The residual stream has ``2 * channels`` maps per group, the recurrent state ``channels``: table 1 and figure 5 of
    the paper.
    """

    orders = "raster"
    ignores_unit_axes = True

    def __init__(self, signature: Signature, *, channels: int, layers: int, first_kernel: int) -> None:
        super().__init__(signature)
        require_positive(self.name, channels=channels, layers=layers)
        self.grid, self.channels = Grid.of(signature.event_shape), channels
        ranks, width = self.grid.ranks(Order.raster(signature.event_shape)), 2 * channels
        self.first = MaskedLayer(signature, self.grid, signature.feature_count, width, first_kernel, ranks=ranks)
        self.layers = nn.ModuleList(self.recurrent_layers(ranks, layers))
        self.output = OutputLayers(signature, self.grid, width, width, ranks=ranks)

    @abstractmethod
    def recurrent_layers(self, ranks: Ranks, count: int) -> Iterator[nn.Module]:
        """The recurrent layers."""

    @abstractmethod
    def recur(
        self,
        maps: Float[Tensor, "batch groups_maps *sizes"],
        inputs: Float[Tensor, "batch groups_features *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_maps *sizes"]:
        """The output of the recurrent layers for the maps of the first layer; ``inputs`` are the network's inputs."""

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        ranks, inputs = self.grid.ranks(order), self.grid.maps(features)
        maps = self.recur(self.first(inputs, ranks, context), inputs, ranks, context)
        parameters: Tensor = self.output(maps, ranks, context)
        return parameters
