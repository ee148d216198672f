"""What the mixture heads share: K weights, K locations and K scales per coefficient, in units of the data."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily

from tensorar.errors import SpecError

# softplus(ONE) == 1, so that untrained components have unit scale
ONE = 0.5413248546129181


def check_options(name: str, *, location: float, **positive: float) -> None:
    """Raise ``SpecError`` for a location that is not finite, or another option that is not finite and positive."""
    if not math.isfinite(location):
        raise SpecError(expected=f"{name}'s location to be finite", got=str(location), remedy="give the data's mean")
    for option, value in positive.items():
        if not 0 < value < math.inf:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(value), remedy="give another one")


def mixture(parameters: Tensor, components: int, make) -> MixtureSameFamily:
    """Cut ``(..., 3 K)`` parameters into weights, locations and raw scales, and mix ``make(location, raw_scale)``.

    The locations start spread over (-1, 1), since components that start equal stay equal for long.
    """
    weights, location, scale = parameters.split(components, dim=-1)
    if components > 1:
        location = location + torch.linspace(-1, 1, components, dtype=location.dtype, device=location.device)
    return MixtureSameFamily(Categorical(logits=weights), make(location, scale), validate_args=False)


def positive(raw: Tensor) -> Tensor:
    """A scale from an unbounded number: 1 at 0, never overflowing."""
    return F.softplus(raw + ONE)


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
