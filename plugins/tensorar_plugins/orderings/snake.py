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
            inner = torch.cat([(inner.flip(0) if i % 2 else inner) + i * len(inner) for i in range(size)])
        return inner
