"""The parts of a U-Net, for maps with one, two or three axes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from tensorar_plugins.backbones.convnet import CONVOLUTION
from tensorar_plugins.backbones.layers.context_bias import ContextBias

# a norm over one channel at one position would leave nothing of it
CHANNELS_PER_GROUP = 8


def convolution(axes, inputs, outputs, *, kernel=3, stride=1, bias=True):
    """A convolution that keeps odd and even sizes alike: stride 2 halves them, rounding up."""
    return CONVOLUTION[axes](inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias)


def norm(width):
    """Over the positions and some channels of each example by itself: what else is in the batch does not matter."""
    return nn.GroupNorm(math.gcd(width, max(width // CHANNELS_PER_GROUP, 1)), width)


class ResidualBlock(nn.Module):
    """``x + conv(silu(norm(conv(silu(norm(x))) + V context)))``, at first ``x`` itself."""

    def __init__(self, signature, axes, inputs, width, dropout):
        super().__init__()
        self.enter = nn.Sequential(norm(inputs), nn.SiLU(), convolution(axes, inputs, width))
        self.context = ContextBias(signature, width, dim=1)
        self.leave = nn.Sequential(norm(width), nn.SiLU(), nn.Dropout(dropout), convolution(axes, width, width))
        nn.init.zeros_(self.leave[-1].weight)
        nn.init.zeros_(self.leave[-1].bias)
        self.past = nn.Identity() if inputs == width else convolution(axes, inputs, width, kernel=1)

    def forward(self, maps, context):
        return self.past(maps) + self.leave(self.context(self.enter(maps), context))


class Level(nn.Module):
    """Residual blocks at one resolution, then those at all coarser ones, then residual blocks that see both.

    The coarser levels have twice the channels and half the sizes. A level whose maps have one position is the last.
    """

    def __init__(self, signature, sizes, width, *, levels, blocks, dropout):
        super().__init__()
        axes = len(sizes)

        def chain(inputs):
            widths = [inputs] + [width] * (blocks - 1)
            return nn.ModuleList(ResidualBlock(signature, axes, inputs, width, dropout) for inputs in widths)

        self.before = chain(width)
        self.last = levels == 1 or max(sizes) == 1
        if not self.last:
            halves = [(size + 1) // 2 for size in sizes]
            self.down = convolution(axes, width, 2 * width, stride=2)
            self.coarser = Level(signature, halves, 2 * width, levels=levels - 1, blocks=blocks, dropout=dropout)
            self.up = convolution(axes, 2 * width, width)
            self.after = chain(2 * width)

    def forward(self, maps, context):
        for block in self.before:
            maps = block(maps, context)
        if self.last:
            return maps
        coarse = self.coarser(self.down(maps), context)
        # to the very size that was halved, which may be odd
        coarse = self.up(F.interpolate(coarse, size=maps.shape[2:], mode="nearest"))
        maps = torch.cat([maps, coarse], dim=1)
        for block in self.after:
            maps = block(maps, context)
        return maps
