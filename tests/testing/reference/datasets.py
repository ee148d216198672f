"""Correct datasets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from tensorar import DataError, Dataset, Splits


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


class Blanks(Numbers):
    """Numbers of which some are to be filled in."""

    name = "blanks"

    def evidence_mask(self, split, rows):
        return torch.arange(4) < 1 + self.place(rows)[:, None] % 3

    def place(self, rows):
        return rows


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


@dataclass(frozen=True, kw_only=True)
class Walks(Dataset):
    """Sequences of bits, each of which equals the one before with some probability.

    Options:
        length: Number of bits.
        stay: Probability that a bit equals the one before.
        seed: Seed of the sequences.
    """

    name = "walks"
    length: int = 24
    stay: float = 0.8
    seed: int = 0

    def load(self):
        generator = torch.Generator().manual_seed(1000 + self.seed)
        return Splits(*self.walk(900, generator).split([500, 200, 200]))

    def walk(self, n, generator):
        turns = torch.rand(n, self.length, generator=generator) >= self.stay
        turns[:, 0] = torch.rand(n, generator=generator) < 0.5
        return (turns.cumsum(1) % 2).float()

    def simulate(self, n, generator):
        return self.walk(n, generator)

    def conditional(self, evidence):
        known = evidence.mask.sum(1)
        last = evidence.value.gather(1, (known - 1).clamp(min=0)[:, None])[:, 0]
        one = torch.where(last == 1, self.stay, 1 - self.stay)
        return torch.distributions.Bernoulli(torch.where(known == 0, 0.5, one).double())

    def log_prob(self, x):
        stays = (x[:, 1:] == x[:, :-1]).double()
        return math.log(0.5) + (stays * math.log(self.stay) + (1 - stays) * math.log(1 - self.stay)).sum(1)


@dataclass(frozen=True, kw_only=True)
class Heights(Dataset):
    """Three correlated real numbers, whose density is known.

    Options:
        seed: Seed of the numbers.
    """

    name = "heights"
    seed: int = 0

    def load(self):
        return Splits(*self.draws(900, torch.Generator().manual_seed(2000 + self.seed)).split([500, 200, 200]))

    def draws(self, n, generator):
        normal = torch.randn(n, 3, generator=generator, dtype=torch.float64)
        return 100 + 5 * normal @ self.mixing().T

    def mixing(self):
        return torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.5, 0.5, 0.7]], dtype=torch.float64)

    def simulate(self, n, generator):
        return self.draws(n, generator)

    def log_prob(self, x):
        mean = torch.full((3,), 100.0, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(mean, scale_tril=5 * self.mixing()).log_prob(x.double())


@dataclass(frozen=True, kw_only=True)
class Labelled(Dataset):
    """Points around three centers, and which of them as context.

    Options:
        seed: Seed of the order before the points are split.
    """

    name = "labelled"
    seed: int = 0

    def load(self):
        return self.divided(self.points()[0])

    def points(self):
        label = torch.arange(900) % 3
        noise = 0.3 * torch.randn(900, 2, generator=torch.Generator().manual_seed(0))
        return torch.stack([label.cos(), label.sin()], 1) + noise, torch.nn.functional.one_hot(label, 3).float()

    def divided(self, rows):
        order = torch.randperm(900, generator=torch.Generator().manual_seed(self.seed))
        return Splits(*rows[order].split([500, 200, 200]))

    def load_contexts(self):
        return self.divided(self.points()[1])

    def parse_context(self, text):
        if text not in ("0", "1", "2"):
            raise DataError(expected="a label from 0 to 2", got=repr(text), remedy="write for example 1")
        return torch.nn.functional.one_hot(torch.tensor(int(text)), 3).float()
