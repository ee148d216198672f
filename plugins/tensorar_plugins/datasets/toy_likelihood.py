"""Intervals of slopes: what a value of a straight line at an integer says of the line's slope."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Interval:
    """Slopes from ``low`` to ``high``, none where ``high`` is not above ``low``; tensors that broadcast."""

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, rise, steps):
        """The slopes with ``floor(slope steps) = rise``: at 0 steps all of them for rise 0, none for any other."""
        low, high = rise / steps, (rise + 1) / steps
        # the indeterminate 0 / 0 is a bound that must not confine below, and must not allow above
        return cls(
            low.nan_to_num(-torch.inf, torch.inf, -torch.inf), high.nan_to_num(-torch.inf, torch.inf, -torch.inf)
        )

    def where(self, condition):
        """The interval where the condition holds, all slopes elsewhere."""
        return Interval(
            torch.where(condition, self.low, -torch.inf).clamp(min=-1),
            torch.where(condition, self.high, torch.inf).clamp(max=1),
        )

    def intersect(self, axis):
        """All of them at once along an axis."""
        return Interval(self.low.amax(axis), self.high.amin(axis))

    def within(self, other):
        """What two intervals have in common."""
        return Interval(torch.maximum(self.low, other.low), torch.minimum(self.high, other.high))

    def unsqueeze(self, axis):
        """The same with an axis of size 1."""
        return Interval(self.low.unsqueeze(axis), self.high.unsqueeze(axis))

    def length(self):
        """The probability of the interval under a slope uniform in [-1, 1]."""
        return (self.high - self.low).clamp(min=0) / 2
