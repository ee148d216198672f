"""Orderings with one defect each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import Order
from tests.testing.reference import Backwards, BothWays, Shuffle


class OffByOneInAFlip(Backwards):
    """Counts the rows from one."""

    def row(self, row, rows):
        return rows - row


class RepeatsAnIndex(Backwards):
    """Visits a coefficient twice, and another one never."""

    def visits(self, event_shape):
        visits = super().visits(event_shape)
        visits[-1] = visits[0]
        return visits


class LeavesOneOut(Backwards):
    """Forgets the coefficient that is left."""

    def visits(self, event_shape):
        return super().visits(event_shape)[: max(1, math.prod(event_shape) - 1)]


class RefusesWithAnotherError(Backwards):
    """Takes matrices only, and falls over on all else."""

    def visits(self, event_shape):
        rows, columns = event_shape
        return torch.arange(rows * columns)


class TakesNothing(Backwards):
    """Refuses everything."""

    def visits(self, event_shape):
        raise self.unsupported(event_shape, "no axes at all")


class ComparesAllPairs(Backwards):
    """Sorts by counting what comes before, in a table of all pairs."""

    def visits(self, event_shape):
        rank = super().visits(event_shape)
        return (rank[:, None] > rank[None, :]).sum(1)


class DrawsThoughFixed(Backwards):
    """A fixed ordering whose order depends on the global random state."""

    def visits(self, event_shape):
        return torch.randperm(math.prod(event_shape))


class SeedsGlobally(Shuffle):
    """Seeds the generator that the whole program shares."""

    def visits(self, event_shape):
        torch.manual_seed(self.seed)
        return torch.randperm(math.prod(event_shape))


class IgnoresItsGenerator(Shuffle):
    """Draws from the global random state."""

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape)), event_shape)


class StartsItsGeneratorAnew(Shuffle):
    """The same order whenever it is asked."""

    def draw(self, event_shape, generator=None):
        fresh = torch.Generator().manual_seed(generator.initial_seed() if generator else 0)
        return super().draw(event_shape, fresh)


class NotUniform(Shuffle):
    """A shuffle that swaps each place with any other: more ways lead to some permutations."""

    def draw(self, event_shape, generator=None):
        n = math.prod(event_shape)
        visits = list(range(n))
        for i, j in enumerate(torch.randint(n, (n,), generator=generator).tolist()):
            visits[i], visits[j] = visits[j], visits[i]
        return Order(torch.tensor(visits), event_shape)


class DrawsWhatItDoesNotList(BothWays):
    """An ensemble whose draws are any permutation."""

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)


class PrefersItsFirst(BothWays):
    """An ensemble that draws its members with unequal odds."""

    def draw(self, event_shape, generator=None):
        orders = self.orders(event_shape)
        return orders[int(torch.rand((), generator=generator) < 0.3) % len(orders)]


@dataclass(frozen=True, kw_only=True)
class HasNoTypes(Backwards):
    """An option that a spec cannot write."""

    sides: list = None


CAUGHT = {
    OffByOneInAFlip: "permutation",
    RepeatsAnIndex: "permutation",
    LeavesOneOut: "permutation",
    RefusesWithAnotherError: "takes_some_shape",
    TakesNothing: "takes_some_shape",
    ComparesAllPairs: "linear_memory",
    DrawsThoughFixed: "the_same_each_time",
    SeedsGlobally: "leaves_the_global_random_state_alone",
    IgnoresItsGenerator: "draws_follow_the_generator",
    StartsItsGeneratorAnew: "draws_follow_the_generator",
    NotUniform: "uniform_as_declared",
    DrawsWhatItDoesNotList: "lists_its_orders",
    PrefersItsFirst: "lists_its_orders",
    HasNoTypes: "described",
}
