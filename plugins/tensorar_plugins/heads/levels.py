"""What the heads over the integers ``0 .. levels - 1`` share."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import constraints

from tensorar.errors import SpecError

# above this many levels a softmax per coefficient stops being sensible
MOST_SUGGESTED = 4096


def level_support(levels: int, name: str) -> constraints.Constraint:
    """The integers below ``levels``. Raises ``SpecError`` for fewer than two."""
    if levels < 2:
        raise SpecError(expected=f"at least 2 levels for {name}", got=str(levels), remedy="set levels=2 or more")
    return constraints.integer_interval(0, levels - 1)


def to_unit(value: Tensor, levels: int) -> Tensor:
    """Levels as numbers from -1 to 1."""
    return value * (2 / (levels - 1)) - 1


def levels_of(values: Tensor) -> int | None:
    """How many levels the data need, or None where they are not a reasonable number of non-negative integers."""
    if values.is_floating_point() and not bool((values.isfinite() & (values == values.round())).all()):
        return None
    low, high = int(values.min()), int(values.max())
    return max(high + 1, 2) if low >= 0 and high < MOST_SUGGESTED else None
