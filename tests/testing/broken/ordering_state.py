"""Orderings with one defect each, which shows in larger shapes, in other options, or in what was computed before."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch

from tensorar import Order, Ordering
from tests.testing.reference import Backwards, BothWays, Shuffle


class WrongBeyond32(Backwards):
    """A sort by 32 bins: larger events repeat indices."""

    def visits(self, event_shape):
        return super().visits(event_shape) % max(32, math.prod(event_shape) // 2)


class WrongBeyond128(Backwards):
    """Indices in 7 bits."""

    def visits(self, event_shape):
        return super().visits(event_shape) % 128


class WrongForLongLastAxes(Backwards):
    """Four axes of which the last is longer than 4: one index is visited twice."""

    def visits(self, event_shape):
        visits = super().visits(event_shape)
        if len(event_shape) == 4 and event_shape[-1] > 4:
            visits[-1] = visits[0]
        return visits


class ErrorForSevenRows(Backwards):
    """Another error than ``ShapeError`` for an event with seven rows and several columns."""

    def visits(self, event_shape):
        if event_shape[:1] == (7,) and len(event_shape) == 2:
            raise IndexError("no row 7")
        return super().visits(event_shape)


@dataclass(frozen=True, kw_only=True)
class WrongUnlessReversed(Backwards):
    """One value of a Boolean option visits an index twice.

    Options:
        reverse: Whether the last row comes first.
    """

    reverse: bool = True

    def row(self, row, rows):
        return super().row(row, rows) if self.reverse else row // 2


@dataclass(frozen=True, kw_only=True)
class WrongFromTheMiddle(Backwards):
    """One of three choices visits an index twice.

    Options:
        start: Row that comes first.
    """

    start: Literal["last", "first", "middle"] = "last"

    def row(self, row, rows):
        return {"last": rows - 1 - row, "first": row, "middle": (row - rows // 2).abs() % rows}[self.start]


class DrawsForFewCoefficients(Shuffle):
    """Draws for at most 24 coefficients, though it visits more."""

    def draw(self, event_shape, generator=None):
        if math.prod(event_shape) > 24:
            raise self.unsupported(event_shape, "at most 24 coefficients")
        return super().draw(event_shape, generator)


class CachesByNumber(Backwards):
    """Cached by the number of coefficients: other shapes of that number get the order of the first."""

    known: ClassVar = {}

    def visits(self, event_shape):
        n = math.prod(event_shape)
        if n not in self.known:
            self.known[n] = super().visits(event_shape)
        return self.known[n]


@dataclass(frozen=True, kw_only=True)
class CachesInTheInstance(Backwards):
    """Cached by the number of coefficients in each instance."""

    known: dict = field(default_factory=dict, init=False, compare=False)

    def visits(self, event_shape):
        n = math.prod(event_shape)
        if n not in self.known:
            self.known[n] = super().visits(event_shape)
        return self.known[n]


class CachesForAllOptions(Shuffle):
    """A cache by shape that all seeds share."""

    known: ClassVar = {}

    def visits(self, event_shape):
        if event_shape not in self.known:
            self.known[event_shape] = super().visits(event_shape)
        return self.known[event_shape]


@dataclass(frozen=True, kw_only=True, eq=False)
class EqualWhateverTheOptions(Backwards):
    """Instances with other options are equal, so they share the cached order.

    Options:
        reverse: Whether the last row comes first.
    """

    reverse: bool = True

    def row(self, row, rows):
        return rows - 1 - row if self.reverse else row

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return 1


class OrderOfTheTransposed(Backwards):
    """``order`` is that of the transposed matrix."""

    def order(self, event_shape):
        order = super().order(event_shape)
        return order.permute((1, 0)) if len(event_shape) == 2 else order


class SortsByHash(Ordering):
    """Sorts by the hash of a text, which another process computes otherwise."""

    name = "sorts_by_hash"

    def visits(self, event_shape):
        return torch.tensor(sorted(range(math.prod(event_shape)), key=lambda i: hash(f"coefficient {i}")))


class OrderOfASet(Ordering):
    """Blocks of four in the order of a set of names."""

    name = "order_of_a_set"

    def visits(self, event_shape):
        names = {f"block {i // 4}" for i in range(math.prod(event_shape))}
        rank = {name: k for k, name in enumerate(names)}
        return torch.tensor(sorted(range(math.prod(event_shape)), key=lambda i: rank[f"block {i // 4}"]))


@dataclass(frozen=True, kw_only=True)
class SeedsWhenItIsMade(Shuffle):
    """Seeds torch's global generator in its constructor."""

    def __post_init__(self):
        torch.manual_seed(self.seed)


class SeedsPython(Shuffle):
    """Seeds Python's global generator."""

    def visits(self, event_shape):
        random.seed(self.seed)
        return torch.tensor(random.sample(range(math.prod(event_shape)), math.prod(event_shape)))


class SeedsNumpy(Shuffle):
    """Seeds numpy's global generator."""

    def visits(self, event_shape):
        np.random.seed(self.seed)
        return torch.from_numpy(np.random.permutation(math.prod(event_shape)))


class ShufflesTheFirst32(Shuffle):
    """Coefficients beyond the 32nd keep their places, though uniform is declared."""

    def draw(self, event_shape, generator=None):
        n = math.prod(event_shape)
        return Order(torch.cat([torch.randperm(min(n, 32), generator=generator), torch.arange(n)[32:]]), event_shape)


class RotatesLargeEvents(Shuffle):
    """Rotations of one permutation for more than 8 coefficients: each is anywhere, but neighbors stay together."""

    def draw(self, event_shape, generator=None):
        n = math.prod(event_shape)
        if n <= 8:
            return super().draw(event_shape, generator)
        return Order(self.visits(event_shape).roll(int(torch.randint(n, (), generator=generator))), event_shape)


class EverySecondIsReversed(Shuffle):
    """Every second draw is the reverse of the one before."""

    last: ClassVar = {}

    def draw(self, event_shape, generator=None):
        previous = self.last.pop(event_shape, None)
        if previous is not None:
            return Order(previous.visits.flip(0), event_shape)
        self.last[event_shape] = super().draw(event_shape, generator)
        return self.last[event_shape]


class AlwaysTheSameWithoutAGenerator(Shuffle):
    """Without a generator it makes one, with a constant seed."""

    def draw(self, event_shape, generator=None):
        return super().draw(event_shape, generator or torch.Generator().manual_seed(0))


class ListsTwice(BothWays):
    """Lists the first order again for events of more than 100 coefficients."""

    def orders(self, event_shape):
        orders = super().orders(event_shape)
        return (*orders, orders[0]) if math.prod(event_shape) > 100 else orders


class DrawsInPairs(BothWays):
    """Every second draw is the order that was not drawn before."""

    last: ClassVar = {}

    def draw(self, event_shape, generator=None):
        orders, previous = self.orders(event_shape), self.last.pop(event_shape, None)
        if previous is not None:
            return orders[-1 - previous]
        self.last[event_shape] = int(torch.randint(len(orders), (), generator=generator))
        return orders[self.last[event_shape]]


@dataclass(frozen=True, kw_only=True)
class IgnoresAnOption(Backwards):
    """An option that nothing depends on.

    Options:
        skip: Number of rows left out at each step.
    """

    skip: int = 0


CAUGHT = {
    WrongBeyond32: "permutation",
    WrongBeyond128: "permutation",
    WrongForLongLastAxes: "permutation",
    ErrorForSevenRows: "permutation",
    WrongUnlessReversed: "permutation",
    WrongFromTheMiddle: "permutation",
    DrawsForFewCoefficients: "methods_take_the_same_shapes",
    CachesByNumber: "same_in_another_process",
    CachesInTheInstance: "deterministic",
    CachesForAllOptions: "same_in_another_process",
    EqualWhateverTheOptions: "order_agrees_with_visits",
    OrderOfTheTransposed: "order_agrees_with_visits",
    SortsByHash: "same_in_another_process",
    OrderOfASet: "same_in_another_process",
    SeedsWhenItIsMade: "leaves_global_state_alone",
    SeedsPython: "leaves_global_state_alone",
    SeedsNumpy: "leaves_global_state_alone",
    ShufflesTheFirst32: "uniform_as_declared",
    RotatesLargeEvents: "uniform_as_declared",
    EverySecondIsReversed: "uniform_as_declared",
    AlwaysTheSameWithoutAGenerator: "draws_follow_the_generator",
    ListsTwice: "lists_its_orders",
    DrawsInPairs: "lists_its_orders",
    IgnoresAnOption: "every_option_has_an_effect",
}
