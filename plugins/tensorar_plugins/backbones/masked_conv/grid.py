"""How a convolution sees an event: axes that it slides along, and axes whose coefficients are groups of maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch

from tensorar import ShapeError
from tensorar_plugins.backbones.masked_conv.taps import Ranks

# the longest axis taken for channels where another one is longer: grey and alpha, RGB, RGBA
CHANNELS_AT_MOST = 4


@dataclass(frozen=True)
class Grid:
    """The spatial axes of an event, convolved over, and its channel axes, fully connected.

    Every choice of a coefficient along the channel axes is a *group*: of an image of shape ``(3, 32, 32)`` with
    channel axis 0 there are three groups on a grid of 32 x 32. ``maps`` brings ``(B, *event, C)`` to
    ``(B, groups * C, *sizes)``, the maps of one group next to each other, ``events`` brings it back, and ``rank`` does
    the same with the ranks of an order: ``(groups, *sizes)``. Axes of size 1 are no matter; an event without a spatial
    axis has a grid of one position.

    >>> Grid.of((3, 32, 32))
    Grid(event_shape=(3, 32, 32), spatial_axes=(1, 2))
    >>> Grid.of((5, 1, 2), channel_axes=(0,)).sizes
    (2,)
    """

    event_shape: tuple[int, ...]
    spatial_axes: tuple[int, ...]

    @classmethod
    def of(cls, event_shape, channel_axes=None):
        """The grid with these channel axes; by default the short ones (at most 4) where another axis is longer."""
        axes = range(len(event_shape))
        if channel_axes is None:
            limit = CHANNELS_AT_MOST if max(event_shape, default=1) > CHANNELS_AT_MOST else 1
            channel_axes = [a for a in axes if event_shape[a] <= limit]
        if any(not -len(axes) <= a < len(axes) for a in channel_axes):
            raise ShapeError(
                expected=f"channel axes of an event of shape {event_shape}",
                got=f"axes {' '.join(map(str, channel_axes))}",
                remedy=f"name axes below {len(axes)}, or none",
            )
        channels = {a % len(axes) for a in channel_axes}
        return cls(tuple(event_shape), tuple(a for a in axes if event_shape[a] > 1 and a not in channels))

    @property
    def channel_axes(self):
        """The axes that are not convolved over, those of size 1 among them."""
        return tuple(a for a in range(len(self.event_shape)) if a not in self.spatial_axes)

    @property
    def sizes(self):
        """The sizes of the spatial axes: at least one."""
        return tuple(self.event_shape[a] for a in self.spatial_axes) or (1,)

    @property
    def groups(self):
        """How many coefficients lie along the channel axes at each position of the grid."""
        return math.prod(self.event_shape[a] for a in self.channel_axes)

    def maps(self, x):
        """``(B, *event, C)`` as ``(B, groups * C, *sizes)``."""
        channels, spatial = ([a + 1 for a in axes] for axes in (self.channel_axes, self.spatial_axes))
        return x.permute(0, *channels, x.ndim - 1, *spatial).reshape(len(x), -1, *self.sizes)

    def events(self, maps):
        """``(B, groups * C, *sizes)`` as ``(B, *event, C)``."""
        count = maps.shape[1] // self.groups
        axes = (*self.channel_axes, len(self.event_shape), *self.spatial_axes)
        shape = [(*self.event_shape, count)[a] for a in axes]
        back = sorted(range(len(axes)), key=lambda i: axes[i])
        return maps.reshape(len(maps), *shape).permute(0, *[i + 1 for i in back])

    def rank(self, rank):
        """Numbers for the coefficients, ``(*event)``, on the grid: ``(groups, *sizes)``."""
        return rank.permute([*self.channel_axes, *self.spatial_axes]).reshape(self.groups, *self.sizes)

    def ranks(self, order):
        """The ranks of an order on the grid; those of the orders seen last are kept, with what is computed of them."""
        return _ranks(self, order, order.rank.device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _ranks(grid, order, device):
    # equal orders on two devices are equal keys: the device is named besides
    return Ranks(grid.rank(order.rank))
