"""Real coefficients with one Gaussian each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import Normal, constraints

from tensorar_plugins.heads.in_units import HeadInUnits
from tensorar_plugins.heads.scales import check_options, inverse_softplus, observed_moments, softplus_scale


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
        location, raw_scale = parameters.unbind(-1)
        return Normal(location, self.floor + softplus_scale(raw_scale), validate_args=False)

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
