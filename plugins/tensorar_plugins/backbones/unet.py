"""A U-Net from any evidence to all conditionals, for sequences, images and volumes."""

from __future__ import annotations

import torch
from torch import nn

from tensorar import EvidenceBackbone, SpecError
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.unet_blocks import Level, convolution, norm

MOST_AXES = 3


class UNet(EvidenceBackbone):
    """A U-Net from mask and values to all conditionals at once: sequences, images, volumes, in any order.

    ``parameters = bias + conv(silu(norm(levels(conv(mask, values) + places))))``, where each level is
    ``blocks(cat(h, up(coarser(down(h)))))`` of ``h = blocks(x)``, and every block is residual: group norm, SiLU and
    convolution, twice. The bias and the places are one for each coefficient: zeros at the rim alone would tell a
    convolution little of where it is.

    Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, fig. 1, with the blocks of Ho, Jain, Abbeel 2020 (appendix B) and
    without their attention; trained on all unknown coefficients at once as in Hoogeboom et al., "Autoregressive
    Diffusion Models", ICLR 2022, eq. 4. Short axes (at most 4, beside a longer one: colours) are channels of the maps,
    and so are the shortest of more than three axes. Where there is nothing left to halve there are fewer levels.
    """

    name = "unet"
    dense = True

    def __init__(self, signature, *, channels: int = 32, levels: int = 3, blocks: int = 2, dropout: float = 0.0):
        super().__init__(signature)
        require_positive(self.name, levels=levels, blocks=blocks)
        if channels < 2:
            raise SpecError(expected=f"{self.name}'s channels to be at least 2", got=str(channels), remedy="give more")
        self.grid = _grid(signature.event_shape)
        axes, groups = len(self.grid.sizes), self.grid.groups
        self.enter = convolution(axes, groups * (signature.feature_count + 1), channels)
        self.places = nn.Parameter(torch.zeros(channels, *self.grid.sizes))
        self.levels = Level(signature, self.grid.sizes, channels, levels=levels, blocks=blocks, dropout=dropout)
        answer = convolution(axes, channels, groups * signature.parameter_count, bias=False)
        self.leave = nn.Sequential(norm(channels), nn.SiLU(), answer)
        # training starts at the bias: at the marginals, where they are known
        nn.init.zeros_(answer.weight)
        self.bias = nn.Parameter(torch.zeros(*signature.event_shape, signature.parameter_count))

    def init_output_bias(self, marginal):
        self.bias.data = marginal.to(self.bias)

    def forward(self, features, mask, query, context=None):
        seen = torch.cat([features, mask.unsqueeze(-1).to(features.dtype)], dim=-1)
        maps = self.levels(self.enter(self.grid.maps(seen)) + self.places, context)
        everything = self.grid.events(self.leave(maps)) + self.bias
        return everything.reshape(len(query), -1, self.signature.parameter_count).take_along_dim(
            query.unsqueeze(-1), dim=1
        )


def _grid(event_shape):
    grid = Grid.of(event_shape)
    by_size = sorted(grid.spatial_axes, key=lambda axis: event_shape[axis])
    return Grid.of(event_shape, [*grid.channel_axes, *by_size[:-MOST_AXES]])
