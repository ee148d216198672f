"""Orderings: visiting orders for events of any shape."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor
from torch.distributions import Distribution

from tensorar.errors import PluginError, ShapeError
from tensorar.evidence import Evidence
from tensorar.order import Order
from tensorar.parts.part import Part
from tensorar.utils.memory import require_memory
from tensorar.utils.plans import cached_plan

# torch has 64 axes, some of which are for batches and features
MAX_AXES = 60
# visits and ranks, and the tables from which they are computed
BYTES_PER_COEFFICIENT = 64
# orders of so few bytes are made without asking for the memory that is left, which takes longer than to make them
SMALL = 2**20


class Ordering(Part, ABC):
    """Makes an ``Order`` for every event shape it supports. Write ``visits``; the rest follows.

    A fixed ordering always makes the same order. One that is not (``fixed = False``) overrides ``draw`` to return a
    new order each time, for order-agnostic training; its ``visits`` is then the order in which likelihoods are reported
    and samples drawn, so that both belong to the same distribution. ``uniform``: all permutations are equally likely,
    which lets dense networks train on all unknown coefficients at once.

    A curriculum, whose draws change in the course of the training, overrides ``for_batch``: it returns the ordering
    that a batch is trained in.

    An ensemble (``ensemble = True``, not fixed) overrides ``orders`` to list its few orders, all equally likely; a
    model with it is the mixture of the models of these orders. ``embedding``: the network is told which order it is in.

    An adaptive ordering (``adaptive = True``, not fixed) overrides ``next``: each event is visited in an order of its
    own, chosen step by step from what is known and predicted. ``draw`` gives the orders to train on, and ``visits`` is
    the order in which known coefficients are taken in, and in which validation during training estimates likelihoods.
    """

    kind = "ordering"
    fixed: ClassVar[bool] = True
    uniform: ClassVar[bool] = False
    ensemble: ClassVar[bool] = False
    adaptive: ClassVar[bool] = False
    embedding: bool = False

    @property
    def any_order(self) -> bool:
        """Whether a network is trained for every order to the end, so that what is observed may come first."""
        return not self.fixed and not self.ensemble

    @abstractmethod
    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        """Flat indices of all coefficients in visiting order. Raises ``ShapeError`` for an unsupported shape."""

    def order(self, event_shape: tuple[int, ...]) -> Order:
        """The order for a shape. Raises ``ShapeError`` for one that is unsupported, or larger than the memory."""
        if type(self).__hash__ is None:  # a dataclass that is not frozen
            return _new_order(self, tuple(event_shape))
        return _order(self, tuple(event_shape))

    def draw(self, event_shape: tuple[int, ...], generator: torch.Generator | None = None) -> Order:
        """An order to train on: always the same for a fixed ordering, a random one of its orders for an ensemble."""
        if not self.ensemble:
            return self.order(event_shape)
        orders = self.orders(event_shape)
        return orders[int(torch.randint(len(orders), (), generator=generator))]

    def draw_ranks(
        self, event_shape: tuple[int, ...], batch: int, generator: torch.Generator | None = None
    ) -> Int[Tensor, "batch n"]:
        """The step of each coefficient in an order for each example of a batch, drawn one by one as by ``draw``.

        Override it where the orders of a whole batch are found faster together; their distribution is that of ``draw``.
        """
        if self.fixed:
            return self.order(event_shape).rank.flatten().expand(batch, -1)
        return torch.stack([self.draw(event_shape, generator).rank.flatten() for _ in range(batch)])

    def for_batch(self, progress: float, generator: torch.Generator | None = None) -> Ordering:
        """The ordering from which a batch draws its orders when the fraction ``progress`` of the training is done."""
        return self

    def orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        """All possible orders, the default first; empty if there are too many."""
        return (self.order(event_shape),) if self.fixed else ()

    def trained_orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        """The orders of training batches in which nothing can be moved to the front: none if every order is trained."""
        return () if self.any_order else self.orders(event_shape)

    def next(self, evidence: Evidence, distribution: Distribution) -> Int[Tensor, " batch"]:
        """The flat index of the unknown coefficient that each example visits next, for an adaptive ordering.

        ``distribution`` is over ``(batch, *event)``: the predictions for all unknown coefficients given the evidence
        (at known ones it is arbitrary). Both are in standard values (see ``Head``), so that coefficients of different
        units can be compared. At least one coefficient of every example is unknown. The choice is deterministic and
        made for each example on its own, which makes ``log_prob`` exact; ties go to the lowest index.
        """
        raise PluginError(
            expected=f"{type(self).__name__}.next, since the ordering {self.name!r} is adaptive",
            got="none",
            remedy="implement it, or set adaptive = False",
        )

    def check_shape(self, event_shape: tuple[int, ...], *, orders: int = 1) -> None:
        """Raise ``ShapeError`` for more axes than torch has, or for orders of more coefficients than memory."""
        if len(event_shape) > MAX_AXES:
            raise self.unsupported(event_shape, f"at most {MAX_AXES} axes")
        required = orders * BYTES_PER_COEFFICIENT * math.prod(event_shape)
        if required <= SMALL:
            return
        what = f"{'an order' if orders == 1 else f'{orders} orders'} of events of shape {event_shape}"
        require_memory(required, what, error=ShapeError)

    def unsupported(self, event_shape: tuple[int, ...], supported: str) -> ShapeError:
        """The error to raise for a shape that this ordering does not support."""
        return ShapeError(
            expected=f"an event of {supported} for the ordering {self.name!r}",
            got=f"shape {tuple(event_shape)}",
            remedy="reshape the data, or choose another ordering",
        )


@cached_plan(maxsize=64)
def _order(ordering: Ordering, event_shape: tuple[int, ...]) -> Order:
    return _new_order(ordering, event_shape)


def _new_order(ordering: Ordering, event_shape: tuple[int, ...]) -> Order:
    ordering.check_shape(event_shape)
    return Order(ordering.visits(event_shape), event_shape)
