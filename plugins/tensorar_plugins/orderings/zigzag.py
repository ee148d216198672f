"""Zig-zag order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering
from tensorar_plugins.coordinates import coordinates, lexicographic
from tensorar_plugins.orderings.matrix import matrix_sides


@dataclass(frozen=True, kw_only=True)
class Zigzag(Ordering):
    """JPEG's zig-zag through the anti-diagonals of a matrix, each in the opposite direction of the one before.

    It starts along the first row: ``(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), ...`` (ITU-T T.81, figure A.6).
    For matrices of any size, apart from axes of size 1; a vector is visited from its start.

    >>> Zigzag().visits((3, 3))
    tensor([0, 1, 3, 6, 4, 2, 5, 7, 8])
    """

    name = "zigzag"

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        row, column = coordinates(matrix_sides(self, event_shape))
        diagonal = row + column
        return lexicographic([diagonal, torch.where(diagonal % 2 == 0, column, row)], len(row))
