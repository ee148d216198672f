"""Helpers of the heads over whole numbers, and over the distinct values that occur."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Real
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from tensorar.errors import SpecError

# a softmax per coefficient is impractical with more
MAX_SUGGESTED_LEVELS = 4096
# more levels of pixels are ordered too finely for a free probability each
MAX_FREE_LEVELS = 16
# bounds memory
VALUES_PER_CALL = 1_000_000


def level_support(levels: int, name: str) -> Constraint:
    """The integers from 0 to ``levels - 1``. Raises ``SpecError`` for fewer than two levels."""
    if levels < 2:
        raise SpecError(expected=f"at least 2 levels for {name}", got=str(levels), remedy="set levels=2 or more")
    return constraints.integer_interval(0, levels - 1)


def normalize_levels(value: Float[Tensor, "*shape"], levels: int) -> Float[Tensor, "*shape"]:
    """Map levels linearly to numbers from -1 to 1."""
    return value * (2 / (levels - 1)) - 1


def observed_values(values: Real[Tensor, "..."]) -> Real[Tensor, "..."]:
    """The values that are not missing (NaN), in one dimension if any are."""
    return values[~values.isnan()] if values.is_floating_point() and bool(values.isnan().any()) else values


def whole_range(values: Real[Tensor, "..."]) -> tuple[int, int] | None:
    """The smallest and the largest value, or None unless all are whole numbers."""
    if values.is_floating_point() and not bool((values.isfinite() & (values == values.round())).all()):
        return None
    return int(values.min()), int(values.max())


def required_levels(values: Real[Tensor, "..."]) -> int | None:
    """The number of levels that the data need, or None unless they are non-negative integers of reasonable size."""
    found = whole_range(values)
    if found is None or found[0] < 0 or found[1] >= MAX_SUGGESTED_LEVELS:
        return None
    return max(found[1] + 1, 2)


def distinct_values(
    *splits: Real[Tensor, "..."], at_most: int = MAX_SUGGESTED_LEVELS
) -> Float64[Tensor, " values"] | None:
    """The values that occur, in ascending order; None if they are too many, or not all finite."""
    found = torch.empty(0, dtype=torch.float64)
    for split in splits:
        for some in split.flatten().split(VALUES_PER_CALL):
            found = torch.cat([found, _distinct(some)]).unique()
            if len(found) > at_most or not bool(found.isfinite().all()):
                return None
    return found


def _distinct(values: Tensor) -> Tensor:
    if values.dtype == torch.uint8:
        # counting is faster than sorting
        return values.int().bincount().nonzero()[:, 0].double()
    found: Tensor = values.unique()
    return found.double()
