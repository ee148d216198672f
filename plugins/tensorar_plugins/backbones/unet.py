"""A U-Net from any evidence to all conditionals, for sequences, images and volumes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar import EvidenceBackbone, Signature, SpecError
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.unet_blocks import Level, convolution, norm

MAX_SPATIAL_AXES = 3
# an axis of any size is halved to one position by then
MAX_LEVELS = 63


class UNet(EvidenceBackbone):
    """A U-Net from mask and values to all conditionals at once: sequences, images, volumes, in any order.

    ``parameters = bias + conv(silu(norm(levels(conv(mask, values) + positions))))``, where each level is
    ``blocks(cat(h, up(coarser(down(h)))))`` of ``h = blocks(x)``, and every block is residual: group norm, SiLU and
    convolution, twice. There is one learned bias and one learned position embedding per coefficient, since zero
    padding alone would give a convolution little information about its position.

    Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, fig. 1, with the blocks of Ho, Jain, Abbeel 2020 (appendix B) and
    without their attention; trained on all unknown coefficients at once as in Hoogeboom et al., "Autoregressive
    Diffusion Models", ICLR 2022, eq. 4. Short axes (at most 4, if another axis is longer: colors) are channels of the
    maps, and so are the shortest of more than three axes.

    Options:
        channels: Number of channels at full resolution; each coarser level has twice as many.
        levels: Number of resolutions, each half the one before; fewer if the maps shrink to one position.
        blocks: Number of residual blocks at each level, before and again after the coarser levels.
        dropout: Probability of dropping an element inside each residual block in training.
    """

    name = "unet"
    dense = True

    def __init__(
        self, signature: Signature, *, channels: int = 32, levels: int = 3, blocks: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__(signature)
        require_positive(self.name, levels=levels, blocks=blocks)
        require_probability(self.name, dropout=dropout)
        if channels < 2:
            raise SpecError(
                expected=f"{self.name}'s channels to be at least 2", got=str(channels), remedy="give 2 or more"
            )
        if levels > MAX_LEVELS:
            raise SpecError(
                expected=f"{self.name}'s levels to be at most {MAX_LEVELS}", got=str(levels), remedy="give fewer"
            )
        self.grid = _grid(signature.event_shape)
        axes, groups = len(self.grid.sizes), self.grid.groups
        self.input = convolution(axes, groups * (signature.feature_count + 1), channels)
        self.positions = nn.Parameter(torch.zeros(channels, *self.grid.sizes))
        self.levels = Level(signature, self.grid.sizes, channels, levels=levels, blocks=blocks, dropout=dropout)
        output = convolution(axes, channels, groups * signature.parameter_count, bias=False)
        self.output = nn.Sequential(norm(channels), nn.SiLU(), output)
        # the initial parameters are the bias alone: the marginals, if they are known
        nn.init.zeros_(output.weight)
        self.bias = nn.Parameter(torch.zeros(*signature.event_shape, signature.parameter_count))

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.bias.data = marginal.to(self.bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        mask: Bool[Tensor, "batch *event"],
        query: Int[Tensor, "batch queries"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        inputs = torch.cat([features, mask.unsqueeze(-1).to(features.dtype)], dim=-1)
        # (B, channels, *sizes)
        maps = self.levels(self.input(self.grid.maps(inputs)) + self.positions, context)
        parameters = self.grid.events(self.output(maps)) + self.bias  # (B, *event, P)
        n, p = math.prod(self.signature.event_shape), self.signature.parameter_count
        flat: Tensor = parameters.reshape(-1, n, p)
        return flat.take_along_dim(query.unsqueeze(-1), dim=1)


def _grid(event_shape: tuple[int, ...]) -> Grid:
    grid = Grid.of(event_shape)
    by_size = sorted(grid.spatial_axes, key=lambda axis: event_shape[axis])
    return Grid.of(event_shape, [*grid.channel_axes, *by_size[:-MAX_SPATIAL_AXES]])
