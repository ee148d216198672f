"""Anti-diagonal order."""

from __future__ import annotations

from dataclasses import dataclass

from tensorar import Ordering
from tensorar_plugins.orderings.sorted_by import coordinate_sum


@dataclass(frozen=True, kw_only=True)
class Diagonal(Ordering):
    """By anti-diagonals (the sum of the coordinates), each in raster order; in any number of axes.

    >>> Diagonal().visits((2, 3))
    tensor([0, 1, 3, 2, 4, 5])
    """

    name = "diagonal"

    def visits(self, event_shape):
        return coordinate_sum(event_shape).argsort(stable=True)
