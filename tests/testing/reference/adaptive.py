"""A correct adaptive ordering, and a correct network for adaptive orders."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tensorar import CandidateStepper, flatten_events
from tensorar.testing.generate.reference_parts import Linear
from tests.testing.reference.orderings import Shuffle


@dataclass(frozen=True, kw_only=True)
class Certain(Shuffle):
    """The smallest entropy first.

    Options:
        seed: Seed of the order in which known coefficients are taken in.
    """

    name = "certain"
    adaptive = True

    def next(self, evidence, distribution):
        return self.choose(flatten_events(distribution.entropy()), flatten_events(evidence.mask))

    def choose(self, entropy, known):
        return entropy.masked_fill(known, torch.inf).argmin(1)


class Pairs(Linear):
    """A weight for each pair of coefficients, under adaptive orders too."""

    name = "pairs"

    def candidate_stepper(self, order, batch, context=None):
        return PairsStepper(self, order, batch, context)


class PairsStepper(CandidateStepper):
    """Keeps the parameters of every coefficient, and adds what each visit contributes."""

    def begin(self):
        super().begin()
        total = self.backbone.bias.detach().expand(self.batch, -1, -1)
        given = 0 if self.context is None else self.backbone.context(self.context).detach().view_as(total)
        self.total = total + torch.as_tensor(given).expand(total.shape)

    def state(self):
        return {**super().state(), "total": self.total}

    def candidates(self, unknown, t):
        return self.total.take_along_dim(unknown.unsqueeze(-1), 1)

    def observe(self, features):
        weight = self.backbone.weight.detach()[:, :, self.last].permute(2, 0, 1, 3)
        self.total += (weight @ features[:, None, :, None]).squeeze(-1)
