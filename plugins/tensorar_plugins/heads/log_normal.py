"""Positive coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Int, Real
from torch import Tensor
from torch.distributions.transforms import ComposeTransform, Transform

from tensorar.transforms import Exp
from tensorar_plugins.heads.gaussian import GaussianHead
from tensorar_plugins.heads.scales import long_tailed


@dataclass(frozen=True, kw_only=True)
class LogNormalHead(GaussianHead):
    """Positive numbers: a Gaussian of the logarithm per coefficient.

    Location and scale are those of the logarithm. A temperature sharpens the distribution of the logarithm.
    """

    name = "log_normal"
    normal_scores = False

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> Transform:
        of_logarithm = super().transform(coefficients)
        return Exp() if of_logarithm is None else ComposeTransform([of_logarithm, Exp()])

    def measured(self, train: Real[Tensor, "n *event"]) -> Real[Tensor, "n *event"]:
        return train.double().log()

    def describe_values(self) -> str:
        return "real numbers above 0"

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        suited = bool(((values > 0) & values.isfinite()).all()) and long_tailed(values)
        return {} if suited else None
