"""Intervals of slopes: which slopes of a straight line agree with its rounded value at an integer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Interval:
    """Slopes from ``low`` to ``high``, empty unless ``low < high``; the two broadcast."""

    low: Float64[Tensor, "..."]
    high: Float64[Tensor, "..."]

    @classmethod
    def from_rise(cls, rise: Float64[Tensor, "..."], steps: Float64[Tensor, "..."]) -> Interval:
        """The slopes with ``floor(slope * steps) = rise``; for 0 steps all of them if ``rise`` is 0, else none."""
        low, high = rise / steps, (rise + 1) / steps
        # 0 / 0 as a lower bound must not restrict (rise 0), and as an upper bound must leave nothing (rise -1)
        return cls(
            low.nan_to_num(-torch.inf, torch.inf, -torch.inf), high.nan_to_num(-torch.inf, torch.inf, -torch.inf)
        )

    def where(self, condition: Bool[Tensor, "..."]) -> Interval:
        """The interval where the condition holds, and [-1, 1] elsewhere."""
        return Interval(
            torch.where(condition, self.low, -torch.inf).clamp(min=-1),
            torch.where(condition, self.high, torch.inf).clamp(max=1),
        )

    def intersect_along(self, axis: int) -> Interval:
        """The intersection of all intervals along an axis."""
        return Interval(self.low.amax(axis), self.high.amin(axis))

    def intersect(self, other: Interval) -> Interval:
        """The intersection of two intervals."""
        return Interval(torch.maximum(self.low, other.low), torch.minimum(self.high, other.high))

    def unsqueeze(self, axis: int) -> Interval:
        """The same intervals with another axis of size 1."""
        return Interval(self.low.unsqueeze(axis), self.high.unsqueeze(axis))

    def probability(self) -> Float64[Tensor, "..."]:
        """The probability of the interval under a slope uniform in [-1, 1]."""
        return (self.high - self.low).clamp(min=0) / 2
