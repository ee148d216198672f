"""Random orders: one for good, or a fresh one every time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import Order, Ordering


@dataclass(frozen=True, kw_only=True)
class Random(Ordering):
    """One random permutation, the same for the same seed and number of coefficients."""

    name = "random"
    seed: int = 0

    def visits(self, event_shape):
        return torch.randperm(math.prod(event_shape), generator=torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True, kw_only=True)
class Shuffled(Random):
    """A fresh random permutation per draw, for order-agnostic training; seed fixes the one of reports and samples.

    Uria, Murray, Larochelle, "A Deep and Tractable Density Estimator", ICML 2014; Hoogeboom et al., "Autoregressive
    Diffusion Models", ICLR 2022.
    """

    name = "shuffled"
    fixed = False
    uniform = True

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)
