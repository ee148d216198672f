"""Real coefficients with one Gaussian each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import Normal, constraints

from tensorar import Head
from tensorar_plugins.heads.units import check_options, inverse_softplus, softplus_scale


@dataclass(frozen=True, kw_only=True)
class GaussianHead(Head):
    """Real numbers: one Gaussian per coefficient.

    Options:
        floor: Smallest standard deviation, in units of ``scale``; it bounds the density where values repeat.
        location: Mean of the data; networks receive ``(x - location) / scale``.
        scale: Standard deviation of the data.
    """

    name = "gaussian"
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def __post_init__(self) -> None:
        check_options(self.name, location=self.location, floor=self.floor, scale=self.scale)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return ((value - self.location) / self.scale).unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Normal:
        location, raw_scale = parameters.unbind(-1)
        scale = self.scale * (self.floor + softplus_scale(raw_scale))
        return Normal(self.location + self.scale * location, scale, validate_args=False)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        unit = (values - self.location) / self.scale
        return torch.stack([unit.mean(0), inverse_softplus(unit.std(0, correction=0) - self.floor)], dim=-1)
