"""Overdispersed counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.distributions import NegativeBinomial
from tensorar_plugins.heads.levels import required_levels
from tensorar_plugins.heads.units import (
    check_options,
    inverse_softplus,
    log_rate,
    long_tailed,
    softplus_scale,
    standard_units,
)

# nearly Poisson: it doubles the variance of a mean count of ten thousand
MIN_DISPERSION = 1e-4
# float32 does not represent all integers from here on
MAX_COUNT = 2**24


@dataclass(frozen=True, kw_only=True)
class NegativeBinomialHead(Head):
    """Counts, large ones too: a mean and a dispersion per coefficient.

    With mean ``m`` and dispersion ``d`` the variance is ``m + d m^2``, where that of a Poisson distribution is ``m``.

    Options:
        location: Mean of ``log(1 + count)`` in the data; networks receive ``(log(1 + x) - location) / scale``.
        scale: Standard deviation of ``log(1 + count)`` in the data.
    """

    name = "negative_binomial"
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 2
    feature_count = 1
    support = constraints.nonnegative_integer

    def __post_init__(self) -> None:
        check_options(self.name, location=self.location, scale=self.scale)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return ((value.log1p() - self.location) / self.scale).unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> NegativeBinomial:
        mean, raw_dispersion = parameters.unbind(-1)
        dispersion = MIN_DISPERSION + softplus_scale(raw_dispersion)
        log_mean = self.location + log_rate(self.scale * mean)
        return NegativeBinomial(1 / dispersion, logits=log_mean + dispersion.log(), validate_args=False)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        values = values.double()
        mean = values.mean(0) + 0.5 / len(values)
        dispersion = (values.var(0, correction=0) - mean) / mean**2
        unit_mean, raw_dispersion = (mean.log() - self.location) / self.scale, dispersion - MIN_DISPERSION
        return torch.stack([unit_mean, inverse_softplus(raw_dispersion)], dim=-1).float()

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        counts = bool((values.isfinite() & (values >= 0) & (values == values.round()) & (values < MAX_COUNT)).all())
        suited = counts and required_levels(values) is None and long_tailed(values)
        return standard_units(values.double().log1p()) if suited else None
