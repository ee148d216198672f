"""Real coefficients with a mixture of Gaussians each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal, constraints

from tensorar.marginal_mixtures import fit_mixtures
from tensorar_plugins.heads.in_units import NORMAL, HeadInUnits
from tensorar_plugins.heads.mixtures import mixture, moved_locations, spread_of
from tensorar_plugins.heads.scales import check_options, inverse_softplus, observed_moments, softplus_scale

# the outermost components start at so many standard deviations from the mean
APART = 0.5
# marginals of so many coefficients are fitted, to so many events: a second of work at most
MAX_FITTED, FITTED_EVENTS = 128, 1000
# smallest standard deviation, in those of the data, and smallest weight at the start of a component
NARROWEST, LEAST_WEIGHT = 0.02, 1e-3
# nats per value by which a mixture fits better than one Gaussian
CLEARLY = 0.1


@dataclass(frozen=True, kw_only=True)
class GaussianMixtureHead(HeadInUnits):
    """Real numbers: a mixture of Gaussians per coefficient.

    As in RNADE (Uria, Murray, Larochelle 2013).

    Options:
        components: Number of mixture components.
        floor: Smallest standard deviation, in standard units; it bounds the density where values repeat.
    """

    name = "gaussian_mixture"
    normal_scores = True
    components: int = 10
    floor: float = 1e-3
    feature_count = 1
    support = constraints.real

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, components=self.components, floor=self.floor)

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return 3 * self.components

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return value.unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> MixtureSameFamily:
        return mixture(parameters, self._normal)

    def relocated(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        location: Float[Tensor, "*coefficients features"],
        scale: Float[Tensor, "*coefficients features"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients parameters"]:
        weights, own, raw_scale = parameters.split(self.components, dim=-1)
        width = scale * (self.floor + softplus_scale(raw_scale))
        moved = moved_locations(own, location, scale)
        return torch.cat([weights, moved, inverse_softplus(width - self.floor)], -1)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"] | None:
        mean, variance = (moment.unsqueeze(-1).float() for moment in observed_moments(values))
        # two moments describe normal scores; in other units a marginal may be far from one Gaussian
        if self.units != NORMAL and math.prod(values.shape[1:]) > MAX_FITTED:
            return None
        start = self._one_gaussian(mean)
        if self.units != NORMAL:
            start = self._better_fitted(start, values, mean, variance.sqrt())
        return self.relocated(start, mean, variance.sqrt())

    def _one_gaussian(self, mean: Float[Tensor, "*event 1"]) -> Float[Tensor, "*event parameters"]:
        """Parameters of about a standard normal, of components that differ."""
        spread = torch.linspace(-1, 1, self.components) if self.components > 1 else torch.zeros(1)
        width = (1 - (APART * spread).square().mean()).sqrt().expand(*mean.shape[:-1], self.components)
        return torch.cat([0 * width, (APART - 1) * spread + 0 * width, inverse_softplus(width - self.floor)], -1)

    def _better_fitted(
        self,
        start: Float[Tensor, "*event parameters"],
        values: Real[Tensor, "n *event"],
        mean: Float[Tensor, "*event 1"],
        deviation: Float[Tensor, "*event 1"],
    ) -> Float[Tensor, "*event parameters"]:
        """The parameters of a fitted mixture where it describes the values, in standard deviations, clearly better."""
        some = values[torch.linspace(0, len(values) - 1, min(len(values), FITTED_EVENTS)).long()]
        standard = (some - mean[..., 0]) / deviation.clamp(min=self.floor)[..., 0]
        found = fit_mixtures(standard.reshape(len(some), -1).T.double(), self.components)
        width = found.deviation.clamp(min=max(NARROWEST, 1.01 * self.floor))
        weights = found.weight.clamp(min=LEAST_WEIGHT).log()
        parts = [weights, found.mean - spread_of(found.mean), inverse_softplus(width - self.floor)]
        fitted = torch.cat(parts, -1).to(start).reshape(start.shape)
        own, single = (self.distribution(p).log_prob(standard.to(start)).nanmean(0) for p in (fitted, start))
        return torch.where((own > single + CLEARLY).unsqueeze(-1), fitted, start)

    def _normal(
        self, location: Float[Tensor, "*coefficients k"], raw_scale: Float[Tensor, "*coefficients k"]
    ) -> Normal:
        return Normal(location, self.floor + softplus_scale(raw_scale), validate_args=False)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        return {} if bool(values.isfinite().all()) else None
