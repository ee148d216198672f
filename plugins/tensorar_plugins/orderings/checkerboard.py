"""Checkerboard order."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering
from tensorar_plugins.coordinates import coordinate_sum


@dataclass(frozen=True, kw_only=True)
class Checkerboard(Ordering):
    """All black squares, then all white squares, each in raster order; for any number of axes.

    >>> Checkerboard().visits((2, 3))
    tensor([0, 2, 4, 1, 3, 5])
    """

    name = "checkerboard"

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return (coordinate_sum(event_shape) % 2).argsort(stable=True)
