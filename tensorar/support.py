"""The values of a head's support."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import constraints

from tensorar.head import Head

# a support of more values counts as infinite
MAX_LEVELS = 2**16


def support_values(head: Head, coefficient: int | None = None) -> Float[Tensor, " values"] | None:
    """The standard values of a coefficient in ascending order; None for an infinite support, or too many values.

    Those of any coefficient, unless one is given.
    """
    head = head if coefficient is None else head.member(coefficient)
    if head.support is constraints.boolean:
        return torch.arange(2.0, dtype=torch.float64)
    low, high = bounds(head)
    if not head.support.is_discrete or low is None or high is None or high - low >= MAX_LEVELS:
        return None
    return torch.arange(low, high + 1, dtype=torch.float64)


def bounds(head: Head) -> tuple[float | None, float | None]:
    """The ends of the support, None where it has none."""
    low, high = (getattr(head.support, name, None) for name in ("lower_bound", "upper_bound"))
    return None if low is None else float(low), None if high is None else float(high)
