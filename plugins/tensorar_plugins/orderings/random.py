"""Random orders: one fixed permutation, or a new one for every draw."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Order, Ordering


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
