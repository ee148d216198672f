"""The layers of a U-Net, for maps with one, two or three axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Signature
from tensorar_plugins.backbones.convnet import CONVOLUTION
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.module_sequence import ModuleSequence

# a norm over one channel at one position would always give zero
CHANNELS_PER_GROUP = 8
# the square of this, summed over a group of channels, is still finite in single precision
MAX_ACTIVATION = 1e15


def convolution(
    axes: int, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, bias: bool = True
) -> nn.Conv1d | nn.Conv2d | nn.Conv3d:
    """A padded convolution that keeps all sizes; stride 2 halves them, rounding up."""
    return CONVOLUTION[axes](inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias)


def group_count(width: int) -> int:
    """The number of groups of channels that are normalized together."""
    return math.gcd(width, max(width // CHANNELS_PER_GROUP, 1))


def norm(width: int) -> nn.GroupNorm:
    """A norm over the positions and some channels of each example, independent of the rest of the batch."""
    return BoundedGroupNorm(group_count(width), width)


class BoundedGroupNorm(nn.GroupNorm):
    """A group norm of clipped maps: large weights can make them so large that the variance overflows to NaN."""

    def forward(self, input: Float[Tensor, "batch width *sizes"]) -> Float[Tensor, "batch width *sizes"]:
        """The normalized maps."""
        bound = min(MAX_ACTIVATION, torch.finfo(input.dtype).max)
        return super().forward(input.clamp(-bound, bound))


class ConvBlock(nn.Module):
    """``x + conv(silu(norm(conv(silu(norm(x))) + V context)))``, initially ``x`` itself."""

    def __init__(self, signature: Signature, axes: int, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(inputs), nn.SiLU(), convolution(axes, inputs, width))
        self.context = ContextBias(signature, width, dim=1)
        last = convolution(axes, width, width)
        # only one convolution away from normalized maps, which are small: clipping would cost time for nothing
        self.last = nn.Sequential(nn.GroupNorm(group_count(width), width), nn.SiLU(), nn.Dropout(dropout), last)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.shortcut = nn.Identity() if inputs == width else convolution(axes, inputs, width, kernel=1)

    def forward(
        self, maps: Float[Tensor, "batch inputs *sizes"], context: Float[Tensor, "batch context"] | None
    ) -> Float[Tensor, "batch width *sizes"]:
        """One block, ``(B, inputs, *sizes) -> (B, width, *sizes)``."""
        output: Tensor = self.shortcut(maps) + self.last(self.context(self.first(maps), context))
        return output


class Level(nn.Module):
    """Residual blocks at one resolution, then those at all coarser ones, then residual blocks that see both.

    The coarser levels have twice the channels and half the sizes. A level whose maps have one position is the last.
    """

    def __init__(
        self,
        signature: Signature,
        sizes: Sequence[int],
        width: int,
        *,
        levels: int,
        blocks: int,
        dropout: float,
    ) -> None:
        super().__init__()
        axes = len(sizes)

        def chain(inputs: int) -> ModuleSequence[ConvBlock]:
            return ModuleSequence(
                ConvBlock(signature, axes, width if i else inputs, width, dropout) for i in range(blocks)
            )

        self.before = chain(width)
        self.coarsest = levels == 1 or max(sizes) == 1
        if not self.coarsest:
            halves = [(size + 1) // 2 for size in sizes]
            self.down = convolution(axes, width, 2 * width, stride=2)
            self.coarser = Level(signature, halves, 2 * width, levels=levels - 1, blocks=blocks, dropout=dropout)
            self.up = convolution(axes, 2 * width, width)
            self.after = chain(2 * width)

    def forward(
        self, maps: Float[Tensor, "batch width *sizes"], context: Float[Tensor, "batch context"] | None
    ) -> Float[Tensor, "batch width *sizes"]:
        """The maps at this resolution, after the coarser levels have contributed."""
        for block in self.before:
            maps = block(maps, context)
        if self.coarsest:
            return maps
        coarse = self.coarser(self.down(maps), context)
        # to the exact size before halving, which may be odd
        coarse = self.up(F.interpolate(coarse, size=maps.shape[2:], mode="nearest"))
        maps = torch.cat([maps, coarse], dim=1)
        for block in self.after:
            maps = block(maps, context)
        return maps
