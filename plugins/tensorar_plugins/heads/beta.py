"""Coefficients between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.units import check_options, in_float64, inverse_softplus, positive

# of both concentrations: below it almost all samples would be nearer to an end than any number
LEAST = 1e-3


class Between(constraints.interval):
    """Strictly between two bounds."""

    def check(self, value):
        return (value > self.lower_bound) & (value < self.upper_bound)


class Beta(torch.distributions.Beta):
    """Torch's own, exact in float32 for large concentrations."""

    def log_prob(self, value):
        def formula(one, zero, x):
            return torch.distributions.Beta(one, zero, validate_args=False).log_prob(x)

        return in_float64(formula, self.concentration1, self.concentration0, value)


@dataclass(frozen=True, kw_only=True)
class BetaHead(Head):
    """Numbers strictly between 0 and 1: a beta distribution per coefficient, by its mean and its width.

    With mean ``m`` and width ``w`` the concentrations are ``2 m / w^2`` and ``2 (1 - m) / w^2``: uniform when
    untrained, no narrower than ``w = floor``. Networks see half the logit.
    """

    name = "beta"
    floor: float = 1e-3
    parameter_count = 2
    feature_count = 1
    support = Between(0, 1)

    def __post_init__(self):
        check_options(self.name, floor=self.floor)

    def encode(self, value, coefficients=None):
        finfo = torch.finfo(value.dtype)
        # unknown values are zero until they are hidden
        return value.clamp(finfo.tiny, 1 - finfo.eps / 2).logit().unsqueeze(-1) / 2

    def distribution(self, parameters, coefficients=None):
        logit, raw = parameters.unbind(-1)
        both = 2 / (self.floor + positive(raw)) ** 2
        return Beta(LEAST + both * logit.sigmoid(), LEAST + both * (-logit).sigmoid(), validate_args=False)

    def marginal_parameters(self, values):
        mean, variance = values.mean(0), values.var(0, correction=0)
        both = (mean * (1 - mean) / variance - 1).clamp(min=LEAST)
        return torch.stack([mean.logit(), inverse_softplus((2 / both).sqrt() - self.floor)], dim=-1)

    @classmethod
    def options_for(cls, values):
        return {} if bool(cls.support.check(values).all()) else None
