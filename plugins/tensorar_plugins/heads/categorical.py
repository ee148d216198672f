"""Coefficients that take one of a few values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions.constraints import Constraint

from tensorar import Head
from tensorar.noise import ordinal
from tensorar_plugins.heads.distributions import Levels
from tensorar_plugins.heads.levels import level_support, normalize_levels, required_levels


@dataclass(frozen=True, kw_only=True)
class CategoricalHead(Head):
    """One of several levels: a probability for each, without further assumptions.

    By default a network receives a level as one number from -1 to 1, which suits gray levels and counts.

    Options:
        levels: Number of levels; values are integers from 0 to ``levels - 1``.
        one_hot: Whether to encode a level as a one-hot vector, which suits categories without an order.
    """

    name = "categorical"
    levels: int = 256
    one_hot: bool = False

    def __post_init__(self) -> None:
        level_support(self.levels, self.name)

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return self.levels

    @cached_property
    def feature_count(self) -> int:  # type: ignore[override]
        return self.levels if self.one_hot else 1

    @cached_property
    def support(self) -> Constraint:  # type: ignore[override]
        return level_support(self.levels, self.name)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        if not self.one_hot:
            return normalize_levels(value, self.levels).unsqueeze(-1)
        known = value.isfinite()
        hot = F.one_hot(torch.where(known, value, 0.0).long(), self.levels).to(value.dtype)
        return torch.where(known.unsqueeze(-1), hot, torch.nan)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Levels:
        return Levels(logits=parameters, validate_args=False)

    @cached_property
    def noise_size(self) -> int:
        return self.levels if self.one_hot else 1

    def draw(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        noise: Float[Tensor, "*coefficients noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients"]:
        # The inverse CDF over ordered levels: a small change of the logits changes a draw by little, so fixed-point
        # sampling converges fast. Categories have no order, and the Gumbel-max trick treats all alike.
        if self.one_hot:
            return super().draw(parameters, noise, coefficients)
        return ordinal(parameters.softmax(-1), noise[..., 0]).to(noise.dtype)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        levels = required_levels(values)
        return None if levels is None else {"levels": levels}
