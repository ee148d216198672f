"""Anti-diagonal order."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering
from tensorar_plugins.coordinates import coordinate_sum


@dataclass(frozen=True, kw_only=True)
class Diagonal(Ordering):
    """Anti-diagonal by anti-diagonal (equal sums of coordinates), each in raster order; for any number of axes.

    >>> Diagonal().visits((2, 3))
    tensor([0, 1, 3, 2, 4, 5])
    """

    name = "diagonal"

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return coordinate_sum(event_shape).argsort(stable=True)
