"""Checkerboard order."""

from __future__ import annotations

from dataclasses import dataclass

from tensorar import Ordering
from tensorar_plugins.orderings.sorted_by import coordinate_sum


@dataclass(frozen=True, kw_only=True)
class Checkerboard(Ordering):
    """All the black squares, then all the white ones, each in raster order; in any number of axes.

    >>> Checkerboard().visits((2, 3))
    tensor([0, 2, 4, 1, 3, 5])
    """

    name = "checkerboard"

    def visits(self, event_shape):
        return (coordinate_sum(event_shape) % 2).argsort(stable=True)
