"""Helpers of the heads over the integers ``0 .. levels - 1``."""

from __future__ import annotations

from jaxtyping import Float, Real
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from tensorar.errors import SpecError

# a softmax per coefficient is impractical with more
MAX_SUGGESTED_LEVELS = 4096


def level_support(levels: int, name: str) -> Constraint:
    """The integers from 0 to ``levels - 1``. Raises ``SpecError`` for fewer than two levels."""
    if levels < 2:
        raise SpecError(expected=f"at least 2 levels for {name}", got=str(levels), remedy="set levels=2 or more")
    return constraints.integer_interval(0, levels - 1)


def normalize_levels(value: Float[Tensor, "*shape"], levels: int) -> Float[Tensor, "*shape"]:
    """Map levels linearly to numbers from -1 to 1."""
    return value * (2 / (levels - 1)) - 1


def required_levels(values: Real[Tensor, "..."]) -> int | None:
    """The number of levels that the data need, or None unless they are non-negative integers of reasonable size."""
    if values.is_floating_point() and not bool((values.isfinite() & (values == values.round())).all()):
        return None
    low, high = int(values.min()), int(values.max())
    return max(high + 1, 2) if low >= 0 and high < MAX_SUGGESTED_LEVELS else None
