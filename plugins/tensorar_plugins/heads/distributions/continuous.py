"""Continuous distributions of torch, made exact in float32."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor
from torch.distributions import Chi2, Distribution
from torch.distributions.constraints import Constraint

from tensorar_plugins.heads.scales import evaluate_in_float64


class OpenInterval(Constraint):
    """Real numbers strictly between two bounds."""

    def __init__(self, lower_bound: float, upper_bound: float) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        super().__init__()

    def check(self, value: Real[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
        """Whether each value lies inside, the bounds excluded."""
        return (value > self.lower_bound) & (value < self.upper_bound)


class Beta(torch.distributions.Beta):
    """Torch's beta distribution with a log-likelihood that is exact in float32 for large concentrations."""

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-density, computed in float64."""

        def formula(one: Tensor, zero: Tensor, x: Tensor) -> Tensor:
            log_density: Tensor = torch.distributions.Beta(one, zero, validate_args=False).log_prob(x)
            return log_density

        return evaluate_in_float64(formula, self.concentration1, self.concentration0, value)


class StudentT(torch.distributions.StudentT):
    """Torch's Student t, exact in float32 for many degrees of freedom and for distant values.

    NaN parameters give NaN likelihoods, not an error.
    """

    def __init__(self, df: Float[Tensor, "..."], loc: Float[Tensor, "..."], scale: Float[Tensor, "..."]) -> None:
        self.df, self.loc, self.scale = torch.broadcast_tensors(df, loc, scale)
        Distribution.__init__(self, self.df.shape, validate_args=False)

    @property
    def _chi2(self) -> Chi2:  # type: ignore[override]
        """Made when ``rsample`` needs it: torch's constructor makes it at once, and validates it, so that NaN raises.

        It also copies a number to the device, which a CUDA graph cannot capture.
        """
        return Chi2(self.df, validate_args=False)

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-density, computed in float64."""

        def formula(loc: Tensor, df: Tensor, scale: Tensor, x: Tensor) -> Tensor:
            log_density: Tensor = torch.distributions.StudentT.log_prob(StudentT(df, loc, scale), x)
            return log_density

        return evaluate_in_float64(formula, self.loc, self.df, self.scale, value)
