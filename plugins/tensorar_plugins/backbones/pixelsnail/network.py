"""PixelSNAIL: blocks of gated masked convolutions, each with attention to everything visited before."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tensorar import Order, Signature, Stepper
from tensorar_plugins.backbones.layers.module_sequence import ModuleSequence
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixelcnn.gated import halves
from tensorar_plugins.backbones.pixelcnn.layers import MaskedConvBackbone, OutputLayers
from tensorar_plugins.backbones.pixelsnail.attention import PastAttention
from tensorar_plugins.backbones.pixelsnail.stepper import PixelSNAILStepper


class PixelSNAIL(MaskedConvBackbone):
    """Gated masked convolutions and attention in turns: neighbors in detail, and everything before: no blind spot.

    ``h = conv_A(x)``, then ``blocks`` times: ``layers`` gated residual layers ``h + f * sigmoid(g)`` with
    ``f, g = B_kxk(dropout(elu(B_kxk(elu(h)))))``; attention of each coefficient to all of lower rank, to their
    activations, values and positions; and a gated residual layer of 1x1 convolutions of ``h`` and what attention
    found. Then two ReLU and 1x1 layers and the output. The tap from ``j`` to ``i`` exists only if ``rank[j] < rank[i]``
    (mask A, the first layer), ``<=`` later (mask B); a coefficient attends to strictly lower ranks.

    Chen, Mishra, Rohaninejad, Abbeel 2018, "PixelSNAIL: An Improved Autoregressive Generative Model", sections 3 and 4
    (there with two convolution stacks instead of masks, keys of 16 channels, and 12 blocks of 256 channels for
    CIFAR-10). Attention reaches what a blind spot of the convolutions would hide, in any order.

    Options:
        channels: Number of channels of the residual stream, per coefficient of a pixel.
        blocks: Number of blocks, each of some residual layers and one attention.
        layers: Number of residual layers of a block, of two convolutions each.
        kernel: Kernel size of the residual layers, in pixels along every axis; odd.
        first_kernel: Kernel size of the first convolution, in pixels along every axis; odd.
        heads: Number of attention heads; it divides ``channels``.
        dropout: Probability of dropping an element between the convolutions of a residual layer, in training.
        output_channels: Number of channels of the two 1x1 layers before the output; none: as many as ``channels``.
        channel_axes: Indices of the event's axes that are fully connected by the same rule, not convolved over; none:
            those of at most 4 if another axis is longer.
    """

    name = "pixelsnail"

    def __init__(
        self,
        signature: Signature,
        *,
        channels: int = 64,
        blocks: int = 3,
        layers: int = 3,
        kernel: int = 3,
        first_kernel: int = 7,
        heads: int = 4,
        dropout: float = 0.0,
        output_channels: int | None = None,
        channel_axes: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(signature)
        output_channels = channels if output_channels is None else output_channels
        sizes = {"channels": channels, "blocks": blocks, "layers": layers, "output_channels": output_channels}
        require_positive(self.name, **sizes, heads=heads)
        require_probability(self.name, dropout=dropout)
        self.grid = grid = Grid.of(signature.event_shape, channel_axes)
        ranks = grid.ranks(signature.order) if signature.order else None
        self.first = MaskedLayer(signature, grid, signature.feature_count, channels, first_kernel, ranks=ranks)
        self.blocks: ModuleSequence[SnailBlock] = ModuleSequence(
            SnailBlock(signature, grid, channels, layers, kernel, heads, dropout, ranks) for _ in range(blocks)
        )
        self.output = OutputLayers(signature, grid, channels, output_channels, ranks=ranks)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        ranks = self.grid.ranks(order)
        maps = self.first(self.grid.maps(features), ranks, context)
        for block in self.blocks:
            maps = block(maps, features, order, context)
        parameters: Tensor = self.output(maps, ranks, context)
        return parameters

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> Stepper:
        return PixelSNAILStepper(self, order, batch, context)


class SnailBlock(nn.Module):
    """Residual layers, then attention, whose result another residual layer adds."""

    def __init__(
        self,
        signature: Signature,
        grid: Grid,
        channels: int,
        layers: int,
        kernel: int,
        heads: int,
        dropout: float,
        ranks: Ranks | None,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.residual: ModuleSequence[GatedResidual] = ModuleSequence(
            GatedResidual(signature, grid, channels, channels, kernel, dropout, ranks) for _ in range(layers)
        )
        self.attention = PastAttention(signature, channels, heads)
        self.merge = GatedResidual(signature, grid, 2 * channels, channels, 1, dropout, ranks)

    def forward(
        self,
        maps: Float[Tensor, "batch groups_channels *sizes"],
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_channels *sizes"]:
        """``(B, groups * channels, *sizes)`` to the same shape."""
        ranks = self.grid.ranks(order)
        for layer in self.residual:
            maps = maps + layer(maps, ranks, context)
        events = self.grid.events(maps)
        both = torch.cat([events, self.attention(events, features, order)], dim=-1)
        merged: Tensor = maps + self.merge(self.grid.maps(both), ranks, context)
        return merged


class GatedResidual(nn.Module):
    """What a gated residual layer adds: ``f * sigmoid(g)`` of two masked convolutions (mask B) after ELUs."""

    def __init__(
        self,
        signature: Signature,
        grid: Grid,
        inputs: int,
        channels: int,
        kernel: int,
        dropout: float,
        ranks: Ranks | None,
    ) -> None:
        super().__init__()
        self.first, self.second = (
            MaskedLayer(signature, grid, *shape, kernel, include_self=True, ranks=ranks)
            for shape in ((inputs, channels), (channels, 2 * channels))
        )
        self.dropout, self.groups = nn.Dropout(dropout), grid.groups

    def forward(
        self,
        maps: Float[Tensor, "batch groups_inputs *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_channels *sizes"]:
        """``(B, groups * inputs, *sizes)`` to ``(B, groups * channels, *sizes)``."""
        hidden = self.first(functional.elu(maps), ranks, context)
        f, g = halves(self.second(self.dropout(functional.elu(hidden)), ranks, context), self.groups)
        return f * g.sigmoid()
