"""Correct orderings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import Order, Ordering


@dataclass(frozen=True, kw_only=True)
class Backwards(Ordering):
    """Rows from the last to the first."""

    name = "backwards"

    def visits(self, event_shape):
        flat = torch.arange(math.prod(event_shape)).reshape(event_shape)
        if not event_shape:
            return flat.flatten()
        rows = event_shape[0]
        return flat[self.row(torch.arange(rows), rows)].flatten()

    def row(self, row, rows):
        return rows - 1 - row


@dataclass(frozen=True, kw_only=True)
class Shuffle(Ordering):
    """A new permutation per draw.

    Options:
        seed: Seed of the order of likelihoods and samples.
    """

    name = "shuffle"
    seed: int = 0
    fixed = False
    uniform = True

    def visits(self, event_shape):
        return torch.randperm(math.prod(event_shape), generator=torch.Generator().manual_seed(self.seed))

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)


@dataclass(frozen=True, kw_only=True)
class BothWays(Ordering):
    """An ensemble: from the start and from the end."""

    name = "both_ways"
    fixed = False
    ensemble = True

    def visits(self, event_shape):
        return torch.arange(math.prod(event_shape))

    def orders(self, event_shape):
        forwards = Order(self.visits(event_shape), event_shape)
        return (forwards, Order(forwards.visits.flip(0), event_shape))[: min(2, len(forwards))]
