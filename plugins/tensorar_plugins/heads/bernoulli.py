"""Binary coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import Bernoulli, constraints
from torch.nn import functional

from tensorar import Head

# operations take a tensor in less time than a number, and one on the CPU with tensors of any device
_MINUS_ONE = torch.tensor(-1.0, device="cpu")


@dataclass(frozen=True, kw_only=True)
class BernoulliHead(Head):
    """Zeros and ones: one logit per coefficient."""

    name = "bernoulli"
    parameter_count = 1
    feature_count = 1
    support = constraints.boolean

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        return value.unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Bernoulli:
        return Bernoulli(logits=parameters[..., 0], validate_args=False)

    def log_prob(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        value: Float[Tensor, "*coefficients"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        # log sigmoid((2 x - 1) logit): what the distribution computes, in fewer operations
        return functional.logsigmoid(torch.add(_MINUS_ONE, value, alpha=2) * parameters[..., 0])

    def draw(
        self,
        parameters: Float[Tensor, "*coefficients parameters"],
        noise: Float[Tensor, "*coefficients noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*coefficients"]:
        # the same as the default, without constructing a distribution at every sampling step
        return (noise < parameters.sigmoid())[..., 0].to(noise.dtype)

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"]:
        # half a count for each outcome (Jeffreys): a pixel that was never on may still be on in other data
        on = (values.nansum(0, dtype=torch.float64) + 0.5) / ((~values.isnan()).sum(0) + 1)
        return on.logit().float().unsqueeze(-1)

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        return {} if bool(((values == 0) | (values == 1)).all()) else None
