"""Estimates of log-likelihoods."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Estimate:
    """Log-likelihoods ``value`` in nats with their ``standard_error``, which is 0 where they are ``exact``.

    Of probability zero, ``value`` is -inf; if that is an estimate, its standard error is NaN, as that of a single run.
    """

    value: Float[Tensor, " batch"]
    standard_error: Float[Tensor, " batch"]
    exact: Bool[Tensor, " batch"]

    @classmethod
    def exactly(cls, value: Float[Tensor, " batch"]) -> Estimate:
        """Exact log-likelihoods."""
        return cls(value, torch.zeros_like(value), torch.ones_like(value, dtype=torch.bool))

    @classmethod
    def of_runs(cls, log_values: Float[Tensor, "batch runs"], exact: Bool[Tensor, " batch"]) -> Estimate:
        """The logarithm of the mean of unbiased estimates, and its standard error by the delta method: NaN of one."""
        runs = log_values.shape[1]
        value = log_values.logsumexp(1) - math.log(runs)
        relative = (log_values - value.unsqueeze(1)).exp()
        error = relative.std(1) / math.sqrt(runs) if runs > 1 else torch.full_like(value, torch.nan)
        return cls(value, error.where(~exact, 0.0), exact)

    @property
    def mean(self) -> tuple[float, float]:
        """The mean over the examples, and its standard error, that of the estimates alone."""
        error = float((self.standard_error**2).sum().sqrt()) / max(len(self.value), 1)
        return float(self.value.mean()), error
