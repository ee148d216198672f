"""Spiral order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering
from tensorar_plugins.orderings.matrix import matrix_sides


@dataclass(frozen=True, kw_only=True)
class Spiral(Ordering):
    """Visit a matrix from its rim to its center.

    >>> Spiral().visits((3, 3))
    tensor([0, 1, 2, 5, 8, 7, 6, 3, 4])

    Options:
        clockwise: Whether to turn clockwise, starting along the first row; false: counterclockwise, along the first
            column.
    """

    name = "spiral"
    clockwise: bool = True

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        rows, columns = matrix_sides(self, event_shape)
        matrix = torch.arange(rows * columns).reshape(rows, columns)
        matrix = matrix if self.clockwise else matrix.T
        rims = []
        while matrix.numel():
            rims.append(matrix[0])
            matrix = matrix[1:].rot90()
        return torch.cat(rims)
