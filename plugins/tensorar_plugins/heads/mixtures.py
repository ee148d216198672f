"""What the mixture heads share: K weights, K locations and K scales per coefficient, in units of the data."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily

from tensorar.errors import SpecError

# softplus(ONE) == 1, so that untrained components have unit scale
ONE = 0.5413248546129181


def check_positive(name: str, **values: float) -> None:
    """Raise ``SpecError`` for an option that is not positive."""
    for option, value in values.items():
        if not value > 0:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(value), remedy="give a larger one")


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


def standard_units(values: Tensor) -> dict[str, float]:
    """The location and scale that make such data standard, to three digits, left out where they already are."""
    values = values.double()
    location, scale = float(values.mean()), float(values.std(correction=0)) or 1.0
    units = {"location": float(f"{location:.3g}"), "scale": float(f"{scale:.3g}")}
    return {} if abs(location) < 0.5 and 0.5 < scale < 2 else units
