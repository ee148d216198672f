"""Counts that scatter more than by chance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.levels import levels_of
from tensorar_plugins.heads.units import (
    check_options,
    in_float64,
    inverse_softplus,
    log_rate,
    long_tailed,
    positive,
    standard_units,
)

# as good as none: of a count of ten thousand it doubles the variance
LEAST = 1e-4
# whole numbers from here on are not all in float32
MOST = 2**24


class NegativeBinomial(torch.distributions.NegativeBinomial):
    """Torch's own, exact in float32 for large counts."""

    def log_prob(self, value):
        def formula(total_count, logits, k):
            return torch.distributions.NegativeBinomial(total_count, logits=logits, validate_args=False).log_prob(k)

        return in_float64(formula, self.total_count, self.logits, value)


@dataclass(frozen=True, kw_only=True)
class NegativeBinomialHead(Head):
    """Counts, large ones too: a mean per coefficient, and how much more they scatter than Poisson's would.

    Of mean ``m`` and dispersion ``d`` the variance is ``m + d m^2``. ``location`` and ``scale`` are those of
    ``log(1 + count)`` in the data, which networks see in standard units.
    """

    name = "negative_binomial"
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 2
    feature_count = 1
    support = constraints.nonnegative_integer

    def __post_init__(self):
        check_options(self.name, location=self.location, scale=self.scale)

    def encode(self, value, coefficients=None):
        return ((value.log1p() - self.location) / self.scale).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        mean, raw = parameters.unbind(-1)
        dispersion = LEAST + positive(raw)
        log_mean = self.location + log_rate(self.scale * mean)
        return NegativeBinomial(1 / dispersion, logits=log_mean + dispersion.log(), validate_args=False)

    def marginal_parameters(self, values):
        values = values.double()
        mean = values.mean(0) + 0.5 / len(values)
        dispersion = (values.var(0, correction=0) - mean) / mean**2
        return torch.stack(
            [(mean.log() - self.location) / self.scale, inverse_softplus(dispersion - LEAST)], dim=-1
        ).float()

    @classmethod
    def options_for(cls, values):
        whole = bool((values.isfinite() & (values >= 0) & (values == values.round()) & (values < MOST)).all())
        taken = whole and levels_of(values) is None and long_tailed(values)
        return standard_units(values.double().log1p()) if taken else None
