"""Correct datasets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import Dataset, Splits


@dataclass(frozen=True, kw_only=True)
class Coins(Dataset):
    """Three coins, of which the last two equal the first with some probability.

    Options:
        bias: Probability that a coin equals the first one.
        with_context: Whether the first coin is the context.
    """

    name = "coins"
    bias: float = 0.75
    with_context: bool = False

    def load(self):
        return Splits(*[self.toss(n, torch.Generator().manual_seed(seed)) for seed, n in enumerate((300, 80, 90))])

    def toss(self, n, generator):
        first = torch.rand(n, 1, generator=generator) < 0.5
        alike = torch.rand(n, 2, generator=generator) < self.bias
        return torch.cat([first, first == alike], dim=1).long()

    def load_contexts(self):
        return Splits(*[self.context(s) for s in (self.train, self.valid, self.test)]) if self.with_context else None

    def context(self, events):
        return events[:, :1].float()

    def simulate(self, n, generator):
        return None if self.with_context else self.toss(n, generator)

    def conditional(self, evidence):
        like_the_first = torch.where(evidence.value[:, 0] == 1, self.bias, 1 - self.bias)
        return torch.distributions.Bernoulli(torch.where(evidence.mask[:, 0], like_the_first, 0.5).double())

    def log_prob(self, x):
        alike = (x[:, 1:] == x[:, :1]).double()
        return math.log(0.5) + (alike * math.log(self.bias) + (1 - alike) * math.log(1 - self.bias)).sum(1)


@dataclass(frozen=True, kw_only=True)
class Numbers(Dataset):
    """Real numbers, drawn with a little noise."""

    name = "numbers"

    def load(self):
        drawn = torch.randn(100, 4, generator=torch.Generator().manual_seed(self.seed()))
        return Splits(*drawn.split([60, 20, 20]))

    def seed(self):
        return 0

    def draw(self, indices, generator):
        return self.train[indices] + 0.1 * torch.randn(len(indices), 4, generator=generator)


@dataclass(frozen=True, kw_only=True)
class Calls(Dataset):
    """Calls per hour in the morning and in the afternoon: unbounded counts."""

    name = "calls"
    suggested_head = "poisson"

    def load(self):
        drawn = torch.poisson(torch.full((300, 2), 3.0), generator=torch.Generator().manual_seed(0))
        return Splits(*drawn.split([200, 50, 50]))

    def log_prob(self, x):
        return torch.distributions.Poisson(torch.tensor(3.0).double()).log_prob(x.double()).sum(1)
