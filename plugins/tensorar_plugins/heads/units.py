"""What heads share about numbers: scales and rates from unbounded ones, units of the data, likelihoods in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tensorar.errors import SpecError

# softplus(ONE) == 1, so that untrained components have unit scale
ONE = 0.5413248546129181
# e to this, some millions, is where a rate stops growing exponentially
STEEPEST = 16.0


def check_options(name: str, *, location: float = 0.0, **positive: float) -> None:
    """Raise ``SpecError`` for a location that is not finite, or another option that is not finite and positive."""
    if not math.isfinite(location):
        raise SpecError(expected=f"{name}'s location to be finite", got=str(location), remedy="give the data's mean")
    for option, value in positive.items():
        if not 0 < value < math.inf:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(value), remedy="give another one")


def positive(raw: Tensor) -> Tensor:
    """A scale from an unbounded number: 1 at 0, never overflowing."""
    return F.softplus(raw + ONE)


def inverse_softplus(scale: Tensor) -> Tensor:
    """The number that ``positive`` turns into a scale; into a very small one where it is not positive."""
    scale = scale.clamp(min=1e-6)
    return scale + (-torch.expm1(-scale)).log() - ONE


def log_rate(raw: Tensor) -> Tensor:
    """The logarithm of a rate from an unbounded number: the number itself, until the rate goes on in a straight line.

    The rate is ``exp(raw)`` up to some millions and then its tangent, so that it never overflows and always has a
    slope.
    """
    beyond = (raw - STEEPEST).clamp(min=0)
    return torch.where(raw < STEEPEST, raw, STEEPEST + beyond.log1p())


def standard_units(values: Tensor) -> dict[str, float] | None:
    """The location and scale that make such data standard, to three digits of the scale; none where they already are.

    None where some values are not finite.
    """
    values = values.double()
    if not bool(values.isfinite().all()):
        return None
    location, scale = float(values.mean()), float(values.std(correction=0)) or 1.0
    if abs(location) < 0.5 and 0.5 < scale < 2:
        return {}
    # a location rounded to its own digits could be many scales off
    digits = 2 - math.floor(math.log10(scale))
    return {"location": round(location, digits), "scale": float(f"{scale:.3g}")}


def long_tailed(values: Tensor) -> bool:
    """Whether most values lie far below the greatest: those of counts and amounts do, levels fill their range."""
    return bool(values.max() > 10 * values.double().mean())


def in_float64(formula: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
    """A formula of tensors worked out in float64: the difference of log-gammas of large numbers loses whole nats in 32.

    The answer has the first tensor's dtype. On the CPU for a device that has no float64.
    """
    wide = [a.to("cpu" if a.device.type == "mps" else a.device, torch.float64) for a in arguments]
    return formula(*wide).to(arguments[0])
