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
        for layer in self.layers:
            maps = layer(maps.relu(), ranks, context)
        return self.grid.events(maps)


class MaskedConvBackbone(CausalBackbone):
    """Base class of the networks that end in output layers."""

    output: OutputLayers

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output.init_bias(marginal)
