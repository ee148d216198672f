"""Real coefficients with a mixture of Gaussians each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal, constraints

from tensorar import Head
from tensorar_plugins.heads.mixtures import mixture
from tensorar_plugins.heads.units import check_options, softplus_scale, standard_units


@dataclass(frozen=True, kw_only=True)
class GaussianMixtureHead(Head):
    """Real numbers: a mixture of Gaussians per coefficient.

    Densities are in the data's own units. As in RNADE (Uria, Murray, Larochelle 2013).

    Options:
        components: Number of mixture components.
        floor: Smallest standard deviation, in units of ``scale``; it bounds the density where values repeat.
        location: Mean of the data; networks receive ``(x - location) / scale``.
        scale: Standard deviation of the data.
    """

    name = "gaussian_mixture"
    components: int = 10
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    feature_count = 1
    support = constraints.real

    def __post_init__(self) -> None:
        check_options(self.name, location=self.location, components=self.components, floor=self.floor, scale=self.scale)

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return 3 * self.components

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return ((value - self.location) / self.scale).unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> MixtureSameFamily:
        return mixture(parameters, self.components, self._normal)

    def _normal(
        self, location: Float[Tensor, "*coefficients k"], raw_scale: Float[Tensor, "*coefficients k"]
    ) -> Normal:
        scale = self.scale * (self.floor + softplus_scale(raw_scale))
        return Normal(self.location + self.scale * location, scale, validate_args=False)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        return standard_units(values)
