"""Random orders: one fixed permutation, a few of them, or a new one for every draw."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Order, Ordering, SpecError, cached_plan


@dataclass(frozen=True, kw_only=True)
class Random(Ordering):
    """One random permutation, the same for the same seed and number of coefficients.

    Options:
        seed: Seed of the permutation.
    """

    name = "random"
    seed: int = 0

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return torch.randperm(math.prod(event_shape), generator=torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True, kw_only=True)
class RandomOrders(Random):
    """A few random permutations, as an ensemble: the model is the mixture of the models of these orders.

    The masks of MADE (Germain et al. 2015, section 4.2): each training batch is in one of the orders, and the
    probabilities under all of them are averaged. Of fewer coefficients than have so many orders, it has all of them.

    >>> [order.visits.tolist() for order in RandomOrders(count=2).orders((4,))]
    [[0, 1, 3, 2], [1, 3, 2, 0]]

    Options:
        count: Number of orders.
        seed: Seed of the first permutation; the others have the next seeds that give different ones.
    """

    name = "random_orders"
    fixed = False
    ensemble = True
    count: int = 8

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SpecError(
                expected="random_orders' count to be at least 1", got=str(self.count), remedy="use for example count=8"
            )

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return self.orders(event_shape)[0].visits

    def orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        self.check_shape(event_shape, orders=self.count)
        return _random_orders(self, tuple(event_shape))


@cached_plan(maxsize=16)
def _random_orders(ordering: RandomOrders, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
    """The orders: the same objects on every call, so that plans cached per order are reused."""
    size = math.prod(event_shape)
    # 20! is beyond any count
    wanted = min(ordering.count, math.factorial(min(size, 20)))
    found: dict[tuple[int, ...], Order] = {}
    for seed in itertools.count(ordering.seed):
        if len(found) == wanted:
            break
        visits = Random(seed=seed).visits(event_shape)
        found.setdefault(tuple(visits.tolist()), Order(visits, event_shape))
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class Shuffled(Random):
    """A new random permutation for every draw, for order-agnostic training.

    Uria, Murray, Larochelle, "A Deep and Tractable Density Estimator", ICML 2014; Hoogeboom et al., "Autoregressive
    Diffusion Models", ICLR 2022.

    Options:
        seed: Seed of the permutation that likelihoods are reported for and samples are drawn in.
    """

    name = "shuffled"
    fixed = False
    uniform = True

    def draw(self, event_shape: tuple[int, ...], generator: torch.Generator | None = None) -> Order:
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)

    def draw_ranks(
        self, event_shape: tuple[int, ...], batch: int, generator: torch.Generator | None = None
    ) -> Int[Tensor, "batch n"]:
        visits = torch.empty(batch, math.prod(event_shape), dtype=torch.long)
        for row in visits:
            torch.randperm(len(row), generator=generator, out=row)
        return torch.empty_like(visits).scatter_(1, visits, torch.arange(visits.shape[1]).expand_as(visits))
