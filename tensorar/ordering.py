"""Orderings make visiting orders for events of any shape they claim."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.order import Order
from tensorar.parts.part import Part


class Ordering(Part, ABC):
    """Makes an ``Order`` for every event shape it supports. Write ``visits``; the rest follows.

    A fixed ordering always makes the same order. One that is not fixed (``fixed = False``) overrides ``draw`` to give
    a fresh order each time it is asked, for order-agnostic training; its ``visits`` then stands for the order in which
    likelihoods are reported and samples drawn, so that both belong to one and the same distribution. ``uniform`` says
    that it draws every permutation as often as any other, which lets dense networks train on all unknown coefficients
    at once.

    An ensemble (``ensemble = True``, not fixed) overrides ``orders`` to list the few orders that are drawn from, each
    as often as any other; a model with it is the mixture of the models of these orders.
    """

    fixed: ClassVar[bool] = True
    uniform: ClassVar[bool] = False
    ensemble: ClassVar[bool] = False

    @abstractmethod
    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        """Flat indices of all coefficients, first visited first. Raises ``ShapeError`` for a shape not supported."""

    def order(self, event_shape: tuple[int, ...]) -> Order:
        """The order that this ordering gives to a shape."""
        if type(self).__hash__ is None:  # a dataclass that is not frozen
            return Order(self.visits(event_shape), event_shape)
        return _order(self, tuple(event_shape))

    def draw(self, event_shape: tuple[int, ...], generator: torch.Generator | None = None) -> Order:
        """An order to train on: for a fixed ordering always its one order, of an ensemble any of its orders."""
        if not self.ensemble:
            return self.order(event_shape)
        orders = self.orders(event_shape)
        return orders[int(torch.randint(len(orders), (), generator=generator))]

    def orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        """The orders that can come, the one of ``order`` first; none where there are too many to list."""
        return (self.order(event_shape),) if self.fixed else ()

    def unsupported(self, event_shape: tuple[int, ...], supported: str) -> ShapeError:
        """The error to raise for a shape that this ordering does not take."""
        return ShapeError(
            expected=f"an event of {supported} for the ordering {self.name!r}",
            got=f"shape {tuple(event_shape)}",
            remedy="reshape the data, or choose another ordering (tensorar plugins list)",
        )


@lru_cache(maxsize=64)
def _order(ordering: Ordering, event_shape: tuple[int, ...]) -> Order:
    return Order(ordering.visits(event_shape), event_shape)
