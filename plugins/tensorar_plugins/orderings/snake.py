"""Boustrophedon order: each coefficient is a neighbor of the previous one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering


@dataclass(frozen=True, kw_only=True)
class Snake(Ordering):
    """Row by row, every second row in reverse, so that each step goes to a neighbor; for any number of axes.

    >>> Snake().visits((2, 3))
    tensor([0, 1, 2, 5, 4, 3])
    """

    name = "snake"

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        inner = torch.zeros(1, dtype=torch.long)
        for size in reversed(event_shape):
            rows = inner + len(inner) * torch.arange(size)[:, None]
            rows[1::2] = rows[1::2].flip(1)
            inner = rows.flatten()
        return inner
