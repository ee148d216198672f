"""Heads whose values do not come back from their code."""

from __future__ import annotations

import torch
from torch.distributions import Categorical

from tests.testing.reference import Counts, Tokens
from tests.testing.reference.heads_integers import LogNats


class AnotherTableEachTime(Tokens):
    """Probabilities that differ between the encoder and the decoder."""

    def distribution(self, parameters, coefficients=None):
        calls = self.__dict__["_calls"] = self.__dict__.get("_calls", 0) + 1
        return Categorical(logits=parameters * (1 + calls % 2), validate_args=False)


class Endless(LogNats):
    """A Poisson distribution that gives an infinite variance."""

    @property
    def variance(self):
        return torch.full_like(self.rate, torch.inf)


class NoDeviation(Counts):
    """Counts without a variance, by which a window of likely ones is found."""

    def distribution(self, parameters, coefficients=None):
        return Endless(self.log_rate(parameters[..., 0]))


CAUGHT = {AnotherTableEachTime: "coded_values_come_back", NoDeviation: "coded_values_come_back"}
