"""Curricula: batches of random orders among batches of the order that likelihoods are reported in."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Order, Ordering, SpecError
from tensorar_plugins.orderings.random import Shuffled
from tensorar_plugins.orderings.raster import Raster

RASTER, SHUFFLED = Raster(), Shuffled()


@dataclass(frozen=True, kw_only=True)
class Curriculum(Ordering):
    """The base of curricula: each training batch is in one of two orderings, chosen at random.

    Each loss is unbiased for the ordering that was chosen, so a dense network trains on all unknown coefficients in the
    batches of a uniform one.

    Options:
        from: Ordering of the other batches; in Python ``from_``.
        to: Ordering that likelihoods are reported for and samples are drawn in: one that is always the same.
    """

    fixed = False
    from_: Ordering = SHUFFLED
    to: Ordering = RASTER

    def __post_init__(self) -> None:
        if not self.to.fixed:
            raise SpecError(
                expected=f"{self.name}'s option 'to' to be an ordering that is always the same",
                got=repr(self.to.name),
                remedy="use for example to=raster, and the other ordering as from",
            )

    @abstractmethod
    def share_at(self, progress: float) -> float:
        """The probability that a batch is in the ordering ``to``."""

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return self.order(event_shape).visits

    def order(self, event_shape: tuple[int, ...]) -> Order:
        self.from_.order(event_shape)  # a shape that one of them does not take is refused
        return self.to.order(event_shape)

    def trained_orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        return () if self.any_order else (*self.to.orders(event_shape), *self.from_.trained_orders(event_shape))

    def for_batch(self, progress: float, generator: torch.Generator | None = None) -> Ordering:
        in_final = float(torch.rand((), generator=generator)) < self.share_at(progress)
        return (self.to if in_final else self.from_).for_batch(progress, generator)

    def draw(self, event_shape: tuple[int, ...], generator: torch.Generator | None = None) -> Order:
        """An order as at the beginning of the training."""
        self.order(event_shape)
        return self.for_batch(0.0, generator).draw(event_shape, generator)


@dataclass(frozen=True, kw_only=True)
class Annealed(Curriculum):
    """Random orders at first, whose share of the batches falls linearly to none at the end of the training.

    The randomized autoregressive training of Yu et al., "Randomized Autoregressive Visual Generation" (RAR), ICCV 2025:
    a network that has seen every order, for one order. The end is that of ``epochs``, ``steps`` or ``minutes``.
    Evidence is then conditioned on in the order ``to``, as in a model of that order.
    """

    name = "annealed"

    @property
    def any_order(self) -> bool:
        return False

    def share_at(self, progress: float) -> float:
        return progress


@dataclass(frozen=True, kw_only=True)
class Mixed(Curriculum):
    """A share of the batches in the order of the likelihoods, the others in random orders.

    For a model of all orders that is trained more in the one it is reported in.

    Options:
        share: Share of the batches in the ordering ``to``, from 0 to 1.
    """

    name = "mixed"
    share: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share <= 1:
            raise SpecError(
                expected="mixed's share to be from 0 to 1", got=str(self.share), remedy="use for example share=0.2"
            )

    def share_at(self, progress: float) -> float:
        return self.share
