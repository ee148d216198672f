"""Real coefficients with one Gaussian each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import Normal, constraints

from tensorar_plugins.heads.in_units import HeadInUnits
from tensorar_plugins.heads.scales import check_options, inverse_softplus, observed_moments, softplus_scale

LOG_SQRT_2_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class GaussianHead(HeadInUnits):
    """Real numbers: one Gaussian per coefficient.

    Options:
        floor: Smallest standard deviation, in standard units; it bounds the density where values repeat.
    """

    name = "gaussian"
    normal_scores = True
    floor: float = 1e-3
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, floor=self.floor)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return value.unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Normal:
        return Normal(*self._location_and_scale(parameters), validate_args=False)

    def _location_and_scale(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        location, raw_scale = parameters.unbind(-1)
        return location, softplus_scale(raw_scale) + self.floor

    def log_prob(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        value: Float[Tensor, "*coefficients"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        # what the distribution computes, in half of the operations
        location, scale = self._location_and_scale(parameters)
        distance = (value - location) / scale
        return torch.addcmul(-LOG_SQRT_2_PI - scale.log(), distance, distance, value=-0.5)

    def draw(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        noise: Float[Tensor, "*coefficients noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients"]:
        # the same as the default, without constructing a distribution at every sampling step
        location, scale = self._location_and_scale(parameters)
        return torch.addcmul(location, scale, torch.rsub(noise[..., 0], 1, alpha=2).erfinv_(), value=-math.sqrt(2))

    def relocated(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        location: Float[Tensor, "*coefficients features"],
        scale: Float[Tensor, "*coefficients features"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients parameters"]:
        own, raw_scale = parameters.unbind(-1)
        width = scale[..., 0] * (self.floor + softplus_scale(raw_scale))
        return torch.stack([location[..., 0] + scale[..., 0] * own, inverse_softplus(width - self.floor)], -1)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        mean, variance = observed_moments(values)
        return torch.stack([mean, inverse_softplus(variance.sqrt() - self.floor)], dim=-1).float()
