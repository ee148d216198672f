"""Ordinal or real coefficients with a mixture of logistics each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import MixtureSameFamily, constraints
from torch.distributions.constraints import Constraint

from tensorar import Head
from tensorar_plugins.heads.distributions import DiscretizedLogistic, Logistic
from tensorar_plugins.heads.levels import level_support, normalize_levels, required_levels
from tensorar_plugins.heads.mixtures import mixture
from tensorar_plugins.heads.units import check_options

# as in PixelCNN++; above 7 all mass is in the tails, and the bins between underflow
LOG_SCALE_RANGE = (-7.0, 7.0)


@dataclass(frozen=True, kw_only=True)
class LogisticMixtureHead(Head):
    """A mixture of logistics per coefficient: over the integers 0 .. levels - 1, or over the real numbers.

    Salimans, Karpathy, Chen, Kingma, "PixelCNN++", ICLR 2017. Its means that depend on the other channels of a pixel
    need no code here: a channel is an axis, and each channel may depend on those visited before it.

    Options:
        components: Number of mixture components.
        levels: Number of levels; values are integers from 0 to ``levels - 1`` (none: values are real
            numbers).
        location: Mean of real-valued data; networks receive ``(x - location) / scale``.
        scale: Standard deviation of real-valued data.
    """

    name = "logistic_mixture"
    components: int = 10
    levels: int | None = None
    location: float = 0.0
    scale: float = 1.0
    feature_count = 1

    def __post_init__(self) -> None:
        check_options(self.name, location=self.location, components=self.components, scale=self.scale)
        if self.levels is not None:
            level_support(self.levels, self.name)

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return 3 * self.components

    @cached_property
    def support(self) -> Constraint:  # type: ignore[override]
        return constraints.real if self.levels is None else level_support(self.levels, self.name)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        if self.levels is not None:
            return normalize_levels(value, self.levels).unsqueeze(-1)
        return ((value - self.location) / self.scale).unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> MixtureSameFamily:
        return mixture(parameters, self.components, self._logistic)

    def _logistic(
        self, location: Float[Tensor, "*coefficients k"], raw_scale: Float[Tensor, "*coefficients k"]
    ) -> Logistic:
        # the log scale of untrained components is -1: their scale is about a fifth of the range of levels
        log_scale = (raw_scale - 1).clamp(*LOG_SCALE_RANGE)
        if self.levels is not None:
            return DiscretizedLogistic(location, log_scale, self.levels)
        return Logistic(self.location + self.scale * location, log_scale + math.log(self.scale))

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        levels = required_levels(values)
        return None if levels is None else {"levels": levels}
