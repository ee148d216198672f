"""Raster order, with any nesting of the axes and any of them reversed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import Ordering


@dataclass(frozen=True, kw_only=True)
class Raster(Ordering):
    """Row by row: the last axis moves fastest; axes nests them otherwise (outermost first), flip reverses some.

    ``axes="1 0"`` visits a matrix column by column, ``flip="1"`` each row from its end.

    >>> Raster(axes=(1, 0)).visits((2, 3))
    tensor([0, 3, 1, 4, 2, 5])
    """

    name = "raster"
    axes: tuple[int, ...] | None = None
    flip: tuple[int, ...] = ()

    def visits(self, event_shape):
        d = len(event_shape)
        axes = tuple(range(d)) if self.axes is None else self.axes
        if sorted(a % d if -d <= a < d else d for a in axes) != list(range(d)):
            raise self.unsupported(event_shape, f"{len(axes)} axes named {' '.join(map(str, sorted(axes)))}")
        if any(not -d <= a < d for a in self.flip):
            raise self.unsupported(event_shape, f"axes that include {' '.join(map(str, self.flip))}")
        index = torch.arange(math.prod(event_shape)).reshape(event_shape)
        return index.flip(sorted({a % d for a in self.flip})).permute(axes).flatten()
