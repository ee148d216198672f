"""Discrete distributions of torch, made exact in float32 and given moments."""

from __future__ import annotations

import torch
from jaxtyping import Float, Real
from torch import Tensor
from torch.distributions import Distribution

from tensorar_plugins.heads.scales import evaluate_in_float64


class Levels(torch.distributions.Categorical):
    """Torch's categorical distribution, normalized for all logits, with the mean and the variance of the level."""

    def __init__(self, logits: Float[Tensor, "*batch levels"], validate_args: bool | None = None) -> None:
        # torch subtracts a rounded logsumexp: off by 3 % for logits of a million, and as slow as all the rest
        self.logits = self._param = logits.log_softmax(-1)
        self._num_events = logits.shape[-1]
        Distribution.__init__(self, logits.shape[:-1], validate_args=validate_args)

    @property
    def mean(self) -> Float[Tensor, "..."]:
        """The mean level."""
        return self.probs @ self._levels

    @property
    def variance(self) -> Float[Tensor, "..."]:
        """The variance of the level."""
        return (self.probs * (self._levels - self.mean.unsqueeze(-1)) ** 2).sum(-1)

    @property
    def _levels(self) -> Float[Tensor, " levels"]:
        return torch.arange(self.logits.shape[-1], dtype=self.probs.dtype, device=self.probs.device)


class Poisson(torch.distributions.Poisson):
    """Torch's Poisson distribution by the logarithm of its rate, exact in float32 for large counts and tiny rates."""

    def __init__(self, log_rate: Float[Tensor, "..."]) -> None:
        self.log_rate = log_rate
        super().__init__(log_rate.exp(), validate_args=False)

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-probability, computed in float64."""
        return evaluate_in_float64(lambda log, k: k * log - log.exp() - torch.lgamma(k + 1), self.log_rate, value)


class NegativeBinomial(torch.distributions.NegativeBinomial):
    """Torch's negative binomial distribution, exact in float32 for large counts."""

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-probability, computed in float64."""

        def formula(total_count: Tensor, logits: Tensor, k: Tensor) -> Tensor:
            same = torch.distributions.NegativeBinomial(total_count, logits=logits, validate_args=False)
            log_probability: Tensor = same.log_prob(k)
            return log_probability

        return evaluate_in_float64(formula, self.total_count, self.logits, value)
