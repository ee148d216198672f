"""Boustrophedon order: every step goes to a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tensorar import Ordering


@dataclass(frozen=True, kw_only=True)
class Snake(Ordering):
    """Row by row, every second row backwards, so that each step goes to a neighbour; in any number of axes.

    >>> Snake().visits((2, 3))
    tensor([0, 1, 2, 5, 4, 3])
    """

    name = "snake"

    def visits(self, event_shape):
        inner = torch.zeros(1, dtype=torch.long)
        for size in reversed(event_shape):
            rows = inner + len(inner) * torch.arange(size)[:, None]
            rows[1::2] = rows[1::2].flip(1)
            inner = rows.flatten()
        return inner
