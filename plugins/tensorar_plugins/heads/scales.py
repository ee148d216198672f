"""Helpers of the heads: positive scales and rates, log-likelihoods in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Real
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.utils.precision import in_float64

# softplus of it is 1, so that the scales of an untrained network are 1
SOFTPLUS_INVERSE_OF_1 = 0.5413248546129181
# from this logarithm on (a rate of some millions) a rate grows linearly, no longer exponentially
LINEAR_FROM_LOG_RATE = 16.0


def check_options(name: str, **positive: float) -> None:
    """Raise ``SpecError`` unless every option is finite and positive."""
    for option, value in positive.items():
        if not 0 < value < math.inf:
            raise SpecError(
                expected=f"a positive, finite {option} for {name}", got=str(value), remedy="pass a positive number"
            )


def softplus_scale(raw: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """A positive scale from an unbounded number: 1 at 0, without overflow."""
    return F.softplus(raw + SOFTPLUS_INVERSE_OF_1)


def inverse_softplus(scale: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The inverse of ``softplus_scale``; scales below 1e-6, negative ones included, count as 1e-6."""
    scale = scale.clamp(min=1e-6)
    return scale + (-torch.expm1(-scale)).log() - SOFTPLUS_INVERSE_OF_1


def log_rate(raw: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The logarithm of a rate from an unbounded number: the identity at first, then logarithmic.

    The rate is ``exp(raw)`` up to some millions and continues along its tangent, so that it never overflows and its
    gradient never vanishes.
    """
    beyond = (raw - LINEAR_FROM_LOG_RATE).clamp(min=0)
    return torch.where(raw < LINEAR_FROM_LOG_RATE, raw, LINEAR_FROM_LOG_RATE + beyond.log1p())


def observed_moments(
    values: Real[Tensor, "n *event"],
) -> tuple[Float64[Tensor, "*event"], Float64[Tensor, "*event"]]:
    """The mean and the variance of each coefficient, missing values (NaN) left out; NaN if it is never observed."""
    values = values.double()
    mean = values.nanmean(0)
    return mean, (values - mean).square().nanmean(0)


def long_tailed(values: Real[Tensor, "..."]) -> bool:
    """Whether the maximum is more than ten times the mean: typical of counts and amounts, not of gray levels."""
    return bool(values.max() > 10 * values.double().mean())


def evaluate_in_float64(formula: Callable[..., Tensor], *arguments: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Evaluate a formula of tensors in float64, and return the result in the dtype of the first one.

    In float32 the difference of the log-gammas of large numbers is off by whole nats. Runs on the CPU for devices
    without float64.
    """
    return formula(*map(in_float64, arguments)).to(arguments[0])
