"""Orderings with one defect each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import Order
from tests.testing.reference import Backwards, BothWays, Shuffle


class OffByOneInAFlip(Backwards):
    """Counts rows from one."""

    def row(self, row, rows):
        return rows - row


class RepeatsAnIndex(Backwards):
    """Visits one coefficient twice and another never."""

    def visits(self, event_shape):
        visits = super().visits(event_shape)
        visits[-1] = visits[0]
        return visits


class LeavesOneOut(Backwards):
    """Omits the last coefficient."""

    def visits(self, event_shape):
        return super().visits(event_shape)[: max(1, math.prod(event_shape) - 1)]


class RefusesWithAnotherError(Backwards):
    """Takes matrices only, and raises a ``ValueError`` for other shapes."""

    def visits(self, event_shape):
        rows, columns = event_shape
        return torch.arange(rows * columns)


class TakesNothing(Backwards):
    """Refuses everything."""

    def visits(self, event_shape):
        raise self.unsupported(event_shape, "no axes at all")


class DrawsForMatricesOnly(Shuffle):
    """Draws for fewer shapes than it takes."""

    def draw(self, event_shape, generator=None):
        if len(event_shape) != 2:
            raise self.unsupported(event_shape, "matrices")
        return super().draw(event_shape, generator)


class ComparesAllPairs(Backwards):
    """Sorts with a table of all pairs."""

    def visits(self, event_shape):
        rank = super().visits(event_shape)
        return (rank[:, None] > rank[None, :]).sum(1)


class DrawsThoughFixed(Backwards):
    """A fixed ordering whose order depends on the global random state."""

    def visits(self, event_shape):
        return torch.randperm(math.prod(event_shape))


class SeedsGlobally(Shuffle):
    """Seeds torch's global generator."""

    def visits(self, event_shape):
        torch.manual_seed(self.seed)
        return torch.randperm(math.prod(event_shape))


class IgnoresItsGenerator(Shuffle):
    """Draws from the global random state."""

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape)), event_shape)


class RestartsItsGenerator(Shuffle):
    """Draws the same order every time."""

    def draw(self, event_shape, generator=None):
        fresh = torch.Generator().manual_seed(generator.initial_seed() if generator else 0)
        return super().draw(event_shape, fresh)


class NotUniform(Shuffle):
    """A shuffle that swaps each position with any other, which favours some permutations."""

    def draw(self, event_shape, generator=None):
        n = math.prod(event_shape)
        visits = list(range(n))
        for i, j in enumerate(torch.randint(n, (n,), generator=generator).tolist()):
            visits[i], visits[j] = visits[j], visits[i]
        return Order(torch.tensor(visits), event_shape)


class DrawsUnlistedOrders(BothWays):
    """An ensemble whose draws are any permutation."""

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)


class PrefersItsFirst(BothWays):
    """An ensemble that draws its members with unequal probabilities."""

    def draw(self, event_shape, generator=None):
        orders = self.orders(event_shape)
        return orders[int(torch.rand((), generator=generator) < 0.3) % len(orders)]


@dataclass(frozen=True, kw_only=True)
class UntypedOption(Backwards):
    """An option of a type that a spec cannot express.

    Options:
        sides: Not a valid type.
    """

    sides: list = None


@dataclass(frozen=True, kw_only=True)
class UndescribedOption(Backwards):
    """An option without a description."""

    columns: bool = False


class DescribesNoOption(Backwards):
    """A description of something that is not an option.

    Options:
        columns: Whether columns are reversed instead.
    """


class Nameless(Backwards):
    """A part without a valid name."""

    name = "back wards"


CAUGHT = {
    OffByOneInAFlip: "takes_some_shape",
    RepeatsAnIndex: "permutation",
    LeavesOneOut: "permutation",
    RefusesWithAnotherError: "takes_some_shape",
    TakesNothing: "takes_some_shape",
    DrawsForMatricesOnly: "methods_take_the_same_shapes",
    ComparesAllPairs: "linear_memory",
    DrawsThoughFixed: "deterministic",
    SeedsGlobally: "leaves_global_state_alone",
    IgnoresItsGenerator: "draws_follow_the_generator",
    RestartsItsGenerator: "draws_follow_the_generator",
    NotUniform: "uniform_as_declared",
    DrawsUnlistedOrders: "lists_its_orders",
    PrefersItsFirst: "lists_its_orders",
    UntypedOption: "options_are_typed",
    UndescribedOption: "options_are_described",
    DescribesNoOption: "options_are_described",
    Nameless: "described",
}
