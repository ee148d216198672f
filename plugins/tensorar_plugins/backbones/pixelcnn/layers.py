"""The output layers of PixelCNNs and PixelRNNs."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from tensorar import CausalBackbone, Signature
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Ranks


class OutputLayers(nn.Module):
    """From maps to parameters: two ReLU and 1x1 convolutions (mask B) of ``channels`` maps, then one to the parameters.

    Van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", table 1.
    """

    def __init__(
        self, signature: Signature, grid: Grid, inputs: int, channels: int, *, ranks: Ranks | None = None
    ) -> None:
        super().__init__()
        self.grid = grid
        widths = [inputs, channels, channels, signature.parameter_count]
        self.layers = nn.ModuleList(
            MaskedLayer(signature, grid, a, b, 1, include_self=True, ranks=ranks) for a, b in pairwise(widths)
        )

    def init_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        """Set the last bias to the mean of the marginals over the positions, which share it."""
        last = self.layers[-1]
        assert isinstance(last, MaskedLayer)
        assert last.conv.bias is not None
        last.conv.bias.data = self.grid.maps(marginal.unsqueeze(0)).flatten(2).mean((0, 2)).to(last.conv.bias)

    def forward(
        self,
        maps: Float[Tensor, "batch groups_inputs *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch *event parameters"]:
        """``(B, groups * inputs, *sizes)`` to ``(B, *event, parameters)``."""
        first, *rest = self.layers
        maps = first(maps.relu(), ranks, context)
        for layer in rest:
            maps = layer(rectified(maps), ranks, context)
        return self.grid.events(maps)


def rectified(maps: Float[Tensor, "batch channels *sizes"]) -> Float[Tensor, "batch channels *sizes"]:
    """ReLU of maps that nothing else reads: in their memory, unless they are a view, where autograd would refuse."""
    return maps.relu() if maps._is_view() else maps.relu_()


def added_to(
    maps: Float[Tensor, "batch channels *sizes"], stream: Float[Tensor, "batch channels *sizes"]
) -> Float[Tensor, "batch channels *sizes"]:
    """Their sum, in the memory of the maps, which nothing else reads, under the condition of ``rectified``."""
    return stream + maps if maps._is_view() else maps.add_(stream)


class MaskedConvBackbone(CausalBackbone):
    """Base class of the networks that end in output layers."""

    output: OutputLayers

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output.init_bias(marginal)
