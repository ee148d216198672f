"""Real coefficients with outliers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import constraints

from tensorar_plugins.heads.distributions import StudentT
from tensorar_plugins.heads.in_units import HeadInUnits
from tensorar_plugins.heads.scales import check_options, inverse_softplus, observed_moments, softplus_scale

# half of the mass of a Student t with three degrees of freedom is within so many scales of its median
MEDIAN_DEVIATION = 0.765


@dataclass(frozen=True, kw_only=True)
class StudentTHead(HeadInUnits):
    """Real numbers with outliers: a Student t per coefficient, with a learned number of degrees of freedom.

    There are more than two degrees of freedom, so that the mean and the variance exist. Networks receive
    ``asinh`` of a standard value, which compresses outliers.

    Options:
        floor: Smallest scale, in standard units; it bounds the density where values repeat.
    """

    name = "student_t"
    floor: float = 1e-3
    parameter_count = 3
    feature_count = 1
    support = constraints.real

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self.name, floor=self.floor)

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        # about linear near the middle; far from it one outlier must not dominate the network's input
        return value.asinh().unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> StudentT:
        location, raw_scale, raw_df = parameters.unbind(-1)
        return StudentT(2 + softplus_scale(raw_df), location, self.floor + softplus_scale(raw_scale))

    @staticmethod
    def largest(dtype: torch.dtype) -> float:
        """The largest number: likelihoods and features need no squares of it."""
        return float(torch.finfo(dtype).max)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        # torch's median reads beyond the memory of an expanded tensor
        values = values.double().contiguous()
        middle = values.nanmedian(0).values
        scale = (values - middle).abs().nanmedian(0).values / MEDIAN_DEVIATION
        # where half of the values are the same, the median says nothing of the rest
        scale = torch.where(scale > 0, scale, observed_moments(values)[1].sqrt())
        return torch.stack([middle, inverse_softplus(scale - self.floor), torch.zeros_like(scale)], dim=-1).float()
