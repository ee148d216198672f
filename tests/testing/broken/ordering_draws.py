"""Orderings whose draws or lists of orders have another distribution than they declare."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from tensorar import Order
from tests.testing.reference import Backwards, BothWays, Shuffle


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


class AnnealsAfterAll(Backwards):
    """A curriculum that declares to be fixed."""

    def for_batch(self, progress, generator=None):
        return self if progress > 0.5 else Shuffle()


class ChoosesWithoutTheGenerator(Shuffle):
    """Whether a batch is in another order is drawn from the global generator."""

    def for_batch(self, progress, generator=None):
        return self if float(torch.rand(())) < progress else Backwards()


class OneOrderForTheBatch(Shuffle):
    """All examples of a batch get the same order."""

    def draw_ranks(self, event_shape, batch, generator=None):
        return self.draw(event_shape, generator).rank.flatten().expand(batch, -1)


class BatchesKeepTheLastInPlace(Shuffle):
    """Orders drawn together visit the last coefficient last."""

    def draw_ranks(self, event_shape, batch, generator=None):
        ranks = [torch.randperm(math.prod(event_shape) - 1, generator=generator) for _ in range(batch)]
        return torch.stack([torch.cat([rank, torch.tensor([len(rank)])]) for rank in ranks])


class BatchesIgnoreTheGenerator(Shuffle):
    """Orders drawn together are drawn from the global generator."""

    def draw_ranks(self, event_shape, batch, generator=None):
        return super().draw_ranks(event_shape, batch)


class OtherRanksThoughFixed(Backwards):
    """A fixed ordering that trains evidence networks in raster order."""

    def draw_ranks(self, event_shape, batch, generator=None):
        return torch.arange(math.prod(event_shape)).expand(batch, -1)


CAUGHT = {
    OneOrderForTheBatch: "ranks_are_drawn_as_orders",
    BatchesKeepTheLastInPlace: "ranks_are_drawn_as_orders",
    BatchesIgnoreTheGenerator: "ranks_are_drawn_as_orders",
    OtherRanksThoughFixed: "ranks_are_drawn_as_orders",
    AnnealsAfterAll: "batches_draw_as_declared",
    ChoosesWithoutTheGenerator: "batches_draw_as_declared",
    ShufflesTheFirst32: "uniform_as_declared",
    RotatesLargeEvents: "uniform_as_declared",
    EverySecondIsReversed: "uniform_as_declared",
    AlwaysTheSameWithoutAGenerator: "draws_follow_the_generator",
    ListsTwice: "lists_its_orders",
    DrawsInPairs: "lists_its_orders",
}
