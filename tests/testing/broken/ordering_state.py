"""Orderings that depend on what was computed before, on the process or on global state, or ignore an option."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from tensorar import Ordering
from tests.testing.reference import Backwards, Shuffle


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


@dataclass(frozen=True, kw_only=True)
class IgnoresAnOption(Backwards):
    """An option that nothing depends on.

    Options:
        skip: Number of rows left out at each step.
    """

    skip: int = 0


CAUGHT = {
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
    IgnoresAnOption: "every_option_has_an_effect",
}
