"""Coefficients between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from tensorar import Head
from tensorar_plugins.heads.distributions import Beta, OpenInterval
from tensorar_plugins.heads.scales import check_options, inverse_softplus, observed_moments, softplus_scale

# with smaller concentrations almost all samples would round to 0 or 1
MIN_CONCENTRATION = 1e-3


@dataclass(frozen=True, kw_only=True)
class BetaHead(Head):
    """Numbers strictly between 0 and 1: a beta distribution per coefficient, by its mean and its width.

    With mean ``m`` and width ``w`` the concentrations are ``2 m / w^2`` and ``2 (1 - m) / w^2``; the distribution of an
    untrained network is uniform. Networks receive half the logit of a value.

    Options:
        floor: Smallest width ``w``.
    """

    name = "beta"
    floor: float = 1e-3
    parameter_count = 2
    feature_count = 1
    support = OpenInterval(0, 1)

    def __post_init__(self) -> None:
        check_options(self.name, floor=self.floor)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        finfo = torch.finfo(value.dtype)
        # unknown values are zeros here and masked later
        return value.clamp(finfo.tiny, 1 - finfo.eps / 2).logit().unsqueeze(-1) / 2

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Beta:
        logit, raw_width = parameters.unbind(-1)
        total = 2 / (self.floor + softplus_scale(raw_width)) ** 2
        one, zero = MIN_CONCENTRATION + total * logit.sigmoid(), MIN_CONCENTRATION + total * (-logit).sigmoid()
        return Beta(one, zero, validate_args=False)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        mean, variance = observed_moments(values)
        total = (mean * (1 - mean) / variance - 1).clamp(min=MIN_CONCENTRATION)
        return torch.stack([mean.logit(), inverse_softplus((2 / total).sqrt() - self.floor)], dim=-1).float()

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        # rounding may move values out of the support
        rounded = values.float() if values.is_floating_point() else values
        return {} if bool(cls.support.check(rounded).all()) else None
