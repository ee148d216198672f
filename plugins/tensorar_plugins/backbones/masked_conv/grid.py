"""The grid of an event: spatial axes to convolve over, and channel axes that become groups of maps."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from jaxtyping import Shaped
from torch import Tensor

from tensorar import Order, ShapeError, cached_plan
from tensorar_plugins.backbones.masked_conv.taps import Ranks

# the longest axis taken for channels by default: gray and alpha, RGB, RGBA
MAX_CHANNELS = 4


@dataclass(frozen=True)
class Grid:
    """The spatial axes of an event, convolved over, and its channel axes, fully connected.

    Every index along the channel axes is a *group*: an image of shape ``(3, 32, 32)`` with channel axis 0 has three
    groups on a grid of 32 x 32. ``maps`` brings ``(B, *event, C)`` to ``(B, groups * C, *sizes)``, the maps of one
    group next to each other, and ``events`` brings it back. ``rank`` does the same with the ranks of an order:
    ``(groups, *sizes)``. Axes of size 1 make no difference; an event without a spatial axis has a grid of one position.

    >>> Grid.of((3, 32, 32))
    Grid(event_shape=(3, 32, 32), spatial_axes=(1, 2))
    >>> Grid.of((5, 1, 2), channel_axes=(0,)).sizes
    (2,)
    """

    event_shape: tuple[int, ...]
    spatial_axes: tuple[int, ...]

    @classmethod
    def of(cls, event_shape: tuple[int, ...], channel_axes: Collection[int] | None = None) -> Grid:
        """The grid with these channel axes; by default the axes of at most 4 if another axis is longer.

        Raises ``ShapeError`` for axes that the event does not have.
        """
        axes = range(len(event_shape))
        if channel_axes is None:
            limit = MAX_CHANNELS if max(event_shape, default=1) > MAX_CHANNELS else 1
            channel_axes = [a for a in axes if event_shape[a] <= limit]
        if any(not -len(axes) <= a < len(axes) for a in channel_axes):
            raise ShapeError(
                expected=f"channel axes of an event of shape {event_shape}",
                got=f"axes {' '.join(map(str, channel_axes))}",
                remedy=f"use axes below {len(axes)}, or none",
            )
        channels = {a % len(axes) for a in channel_axes}
        return cls(tuple(event_shape), tuple(a for a in axes if event_shape[a] > 1 and a not in channels))

    @property
    def channel_axes(self) -> tuple[int, ...]:
        """The axes that are not convolved over, including those of size 1."""
        return tuple(a for a in range(len(self.event_shape)) if a not in self.spatial_axes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the spatial axes: at least one."""
        return tuple(self.event_shape[a] for a in self.spatial_axes) or (1,)

    @property
    def groups(self) -> int:
        """The number of coefficients at each position of the grid."""
        return math.prod(self.event_shape[a] for a in self.channel_axes)

    def maps(self, x: Shaped[Tensor, "batch *event channels"]) -> Shaped[Tensor, "batch groups_channels *sizes"]:
        """``(B, *event, C)`` as ``(B, groups * C, *sizes)``."""
        channels, spatial = ([a + 1 for a in axes] for axes in (self.channel_axes, self.spatial_axes))
        return x.permute(0, *channels, x.ndim - 1, *spatial).reshape(len(x), -1, *self.sizes)

    def events(self, maps: Shaped[Tensor, "batch groups_channels *sizes"]) -> Shaped[Tensor, "batch *event channels"]:
        """``(B, groups * C, *sizes)`` as ``(B, *event, C)``."""
        count = maps.shape[1] // self.groups
        axes = (*self.channel_axes, len(self.event_shape), *self.spatial_axes)
        shape = [(*self.event_shape, count)[a] for a in axes]
        back = sorted(range(len(axes)), key=lambda i: axes[i])
        return maps.reshape(len(maps), *shape).permute(0, *[i + 1 for i in back])

    def rank(self, rank: Shaped[Tensor, "*event"]) -> Shaped[Tensor, "groups *sizes"]:
        """One number per coefficient, ``(*event)``, on the grid: ``(groups, *sizes)``."""
        return rank.permute([*self.channel_axes, *self.spatial_axes]).reshape(self.groups, *self.sizes)

    def ranks(self, order: Order) -> Ranks:
        """The ranks of an order on the grid, the same object for equal orders on a device."""
        return _ranks(self, order)


@cached_plan(maxsize=32)
def _ranks(grid: Grid, order: Order) -> Ranks:
    return Ranks(grid.rank(order.rank))
