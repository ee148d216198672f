"""Overdispersed counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import constraints

from tensorar.value_checks import describe_support
from tensorar_plugins.heads.distributions import NegativeBinomial
from tensorar_plugins.heads.in_units import HeadInUnits
from tensorar_plugins.heads.levels import required_levels
from tensorar_plugins.heads.scales import (
    inverse_softplus,
    log_rate,
    long_tailed,
    observed_moments,
    softplus_scale,
)

# nearly Poisson: it doubles the variance of a mean count of ten thousand
MIN_DISPERSION = 1e-4
# float32 does not represent all integers from here on
MAX_COUNT = 2**24


@dataclass(frozen=True, kw_only=True)
class NegativeBinomialHead(HeadInUnits):
    """Counts, large ones too: a mean and a dispersion per coefficient.

    With mean ``m`` and dispersion ``d`` the variance is ``m + d m^2``, where that of a Poisson distribution is ``m``.

    Options:
        units: Location and scale of ``log(1 + count)``, by which networks receive it; see the other heads.
    """

    name = "negative_binomial"
    parameter_count = 2
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        location, scale = self._units_of_log(value, coefficients)
        return ((value.log1p() - location) / scale).unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> NegativeBinomial:
        mean, raw_dispersion = parameters.unbind(-1)
        dispersion = MIN_DISPERSION + softplus_scale(raw_dispersion)
        location, scale = self._units_of_log(mean, coefficients)
        log_mean = location + log_rate(scale * mean)
        return NegativeBinomial(1 / dispersion, logits=log_mean + dispersion.log(), validate_args=False)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        location, scale = self._units_of_log(values, torch.arange(values[0].numel()).reshape(values.shape[1:]))
        mean, variance = observed_moments(values)
        mean = mean + 0.5 / (~values.isnan()).sum(0)
        dispersion = (variance - mean) / mean**2
        unit_mean, raw_dispersion = (mean.log() - location) / scale, dispersion - MIN_DISPERSION
        return torch.stack([unit_mean, inverse_softplus(raw_dispersion)], dim=-1).float()

    def _units_of_log(self, like: Tensor, coefficients: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        units = self.found_units
        if units is None:
            return 0.0, 1.0
        location, scale = units.at(coefficients, like.device)
        return location.to(like), scale.to(like)

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> None:
        """None: counts have no units."""

    def measured(self, train: Real[Tensor, "n *event"]) -> Real[Tensor, "n *event"]:
        return train.double().clamp(min=0).log1p()

    def describe_values(self) -> str:
        return describe_support(self.support)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        counts = bool((values.isfinite() & (values >= 0) & (values == values.round()) & (values < MAX_COUNT)).all())
        suited = counts and required_levels(values) is None and long_tailed(values)
        return {} if suited else None
