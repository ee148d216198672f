"""Real coefficients with a mixture of Gaussians each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal, constraints

from tensorar_plugins.heads.in_units import HeadInUnits
from tensorar_plugins.heads.mixtures import mixture
from tensorar_plugins.heads.scales import check_options, softplus_scale


@dataclass(frozen=True, kw_only=True)
class GaussianMixtureHead(HeadInUnits):
    """Real numbers: a mixture of Gaussians per coefficient.

    As in RNADE (Uria, Murray, Larochelle 2013).

    Options:
        components: Number of mixture components.
        floor: Smallest standard deviation, in standard units; it bounds the density where values repeat.
    """

    name = "gaussian_mixture"
    components: int = 10
    floor: float = 1e-3
    feature_count = 1
    support = constraints.real

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, components=self.components, floor=self.floor)

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return 3 * self.components

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return value.unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> MixtureSameFamily:
        return mixture(parameters, self.components, self._normal)

    def _normal(
        self, location: Float[Tensor, "*coefficients k"], raw_scale: Float[Tensor, "*coefficients k"]
    ) -> Normal:
        return Normal(location, self.floor + softplus_scale(raw_scale), validate_args=False)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        return {} if bool(values.isfinite().all()) else None
