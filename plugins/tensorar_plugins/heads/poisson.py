"""Counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.distributions import Poisson
from tensorar_plugins.heads.scales import log_rate


@dataclass(frozen=True, kw_only=True)
class PoissonHead(Head):
    """Counts of independent events: the logarithm of a Poisson rate per coefficient."""

    name = "poisson"
    parameter_count = 1
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return value.log1p().unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Poisson:
        return Poisson(log_rate(parameters[..., 0]))

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        # half a count in all: what never occurred in these data may still occur in others
        mean = (values.nansum(0, dtype=torch.float64) + 0.5) / (~values.isnan()).sum(0)
        return mean.log().float().unsqueeze(-1)
