"""Binary coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head


@dataclass(frozen=True, kw_only=True)
class Bernoulli(Head):
    """Zeros and ones: one logit per coefficient."""

    name = "bernoulli"
    parameter_count = 1
    feature_count = 1
    support = constraints.boolean

    def encode(self, value, coefficients=None):
        return value.unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return torch.distributions.Bernoulli(logits=parameters[..., 0], validate_args=False)

    def draw(self, parameters, noise, coefficients=None):
        # the same as the default, without making a distribution at every step of sampling
        return (noise < parameters.sigmoid())[..., 0].to(noise.dtype)

    def marginal_parameters(self, values):
        # half a count on each side (Jeffreys): a pixel that was never on may be on one day
        on = (values.sum(0, dtype=torch.float64) + 0.5) / (len(values) + 1)
        return on.logit().float().unsqueeze(-1)

    @classmethod
    def options_for(cls, values):
        return {} if bool(((values == 0) | (values == 1)).all()) else None
