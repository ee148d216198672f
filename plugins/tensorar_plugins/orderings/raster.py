"""Raster order, with any nesting of the axes and any of them reversed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering


@dataclass(frozen=True, kw_only=True)
class Raster(Ordering):
    """Row by row: the last axis moves fastest, unless the axes are nested otherwise or reversed.

    ``axes="1 0"`` visits a matrix column by column, ``flip="1"`` each row from its end.

    >>> Raster(axes=(1, 0)).visits((2, 3))
    tensor([0, 3, 1, 4, 2, 5])

    Options:
        axes: Nesting of the axes, outermost first (none: as they are).
        flip: Indices of the axes that are visited in reverse.
    """

    name = "raster"
    axes: tuple[int, ...] | None = None
    flip: tuple[int, ...] = ()

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return raster_visits(self, event_shape, self.axes, self.flip)


def raster_visits(
    ordering: Ordering, event_shape: tuple[int, ...], axes: tuple[int, ...] | None, flip: tuple[int, ...]
) -> Int[Tensor, " n"]:
    """The raster order with its axes nested (none: as they are) and some reversed.

    Raises ``ShapeError``, in the name of ``ordering``, for axes that the event does not have.
    """
    d = len(event_shape)
    axes = tuple(range(d)) if axes is None else axes
    if sorted(a % d if -d <= a < d else d for a in axes) != list(range(d)):
        raise ordering.unsupported(event_shape, f"{len(axes)} axes named {' '.join(map(str, sorted(axes)))}")
    if any(not -d <= a < d for a in flip):
        raise ordering.unsupported(event_shape, f"axes that include {' '.join(map(str, flip))}")
    index = torch.arange(math.prod(event_shape)).reshape(event_shape)
    return index.flip(sorted({a % d for a in flip})).permute(axes).flatten()
