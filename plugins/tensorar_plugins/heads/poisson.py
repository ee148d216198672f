"""Counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.units import in_float64, log_rate


class Poisson(torch.distributions.Poisson):
    """Torch's own, by the logarithm of the rate: exact in float32 for large counts, and for rates next to nothing."""

    def __init__(self, log_rate):
        self.log_rate = log_rate
        super().__init__(log_rate.exp(), validate_args=False)

    def log_prob(self, value):
        return in_float64(lambda log, k: k * log - log.exp() - torch.lgamma(k + 1), self.log_rate, value)


@dataclass(frozen=True, kw_only=True)
class PoissonHead(Head):
    """Counts that scatter as chance has it: the logarithm of a Poisson rate per coefficient."""

    name = "poisson"
    parameter_count = 1
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(self, value, coefficients=None):
        return value.log1p().unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return Poisson(log_rate(parameters[..., 0]))

    def marginal_parameters(self, values):
        # half a count: what has not been seen yet may come one day
        mean = (values.sum(0, dtype=torch.float64) + 0.5) / len(values)
        return mean.log().float().unsqueeze(-1)
