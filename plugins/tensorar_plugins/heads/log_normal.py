"""Positive coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.distributions import LogNormal
from tensorar_plugins.heads.gaussian import GaussianHead
from tensorar_plugins.heads.units import check_options, long_tailed, standard_units


@dataclass(frozen=True, kw_only=True)
class LogNormalHead(Head):
    """Positive numbers: a Gaussian of the logarithm per coefficient.

    Options:
        floor: Smallest standard deviation of the logarithm, in units of ``scale``.
        location: Mean logarithm of the data; networks receive ``(log x - location) / scale``.
        scale: Standard deviation of the logarithm of the data.
    """

    name = "log_normal"
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 2
    feature_count = 1
    support = constraints.positive

    def __post_init__(self) -> None:
        check_options(self.name, location=self.location, floor=self.floor, scale=self.scale)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        # unknown values are zeros here and masked later
        return self._head_of_log.encode(value.clamp(min=torch.finfo(value.dtype).tiny).log())

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> LogNormal:
        normal = self._head_of_log.distribution(parameters)
        return LogNormal(normal.loc, normal.scale, validate_args=False)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        return self._head_of_log.marginal_parameters(values.log())

    @property
    def _head_of_log(self) -> GaussianHead:
        return GaussianHead(floor=self.floor, location=self.location, scale=self.scale)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        suited = bool((values > 0).all()) and long_tailed(values)
        return standard_units(values.double().log()) if suited else None
