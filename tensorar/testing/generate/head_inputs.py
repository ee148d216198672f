"""Inputs of heads: random parameters, and values that are extreme or close to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.support import bounds, support_values

DTYPES = (torch.float64, torch.float32)
# parameters of standard deviation 3 and 10 give narrow and wide distributions, far from zero
SPREADS = (0.1, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class Parameters:
    """Normally distributed parameters of a head."""

    spread: float
    seed: int
    dtype: torch.dtype

    @property
    def description(self) -> str:
        """A description that suffices to draw similar parameters."""
        return f"parameters of standard deviation {self.spread:g}, {self.dtype}"

    def of(self, head: Head, *shape: int) -> Tensor:
        """The parameters of coefficients of a shape, ``(*shape, P)``."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(*shape, head.parameter_count, generator=generator, dtype=torch.float64)
        return (self.spread * drawn).to(self.dtype)


def conditional(head: Head, parameters: Tensor, coefficients: Tensor | None = None) -> Distribution:
    """The distribution of parameters ``(..., P)``, all for the first coefficient unless these are given."""
    if coefficients is None:
        coefficients = torch.zeros(parameters.shape[:-1], dtype=torch.long)
    return head.distribution(parameters, coefficients)


def shifted_blocks(parameters: Tensor, shift: float) -> Iterator[Tensor]:
    """The parameters with a number added to all, and to each block of a half, a third or a quarter of these."""
    count = parameters.shape[-1]
    for blocks in (1, 2, 3, 4):
        if count % blocks == 0:
            for i in range(blocks):
                block = torch.arange(count) // (count // blocks) == i
                yield parameters + shift * block.to(parameters.dtype)


def extremes(head: Head) -> Tensor:
    """Values at the ends of the support, or large ones where it is unbounded."""
    known = support_values(head)
    if known is not None:
        return known[[0, -1]]
    low, high = bounds(head)
    if head.support.is_discrete:
        large = torch.tensor([0.0, 1.0, 1e2, 1e3, 1e4, 1e6], dtype=torch.float64)
        return torch.tensor([low, high]).double() if low is not None and high is not None else (low or 0) + large
    if low is None:
        return torch.tensor([-1e6, -1e3, 0.0, 1e3, 1e6], dtype=torch.float64)
    if high is None:
        return low + torch.tensor([1e-6, 1e-3, 1.0, 1e3, 1e6], dtype=torch.float64)
    return low + (high - low) * torch.tensor([1e-6, 1e-3, 0.5, 0.999, 1 - 1e-6], dtype=torch.float64)


def neighbors(head: Head, dtype: torch.dtype) -> Tensor:
    """Ascending values far from zero, or close to the ends of the support, in pairs ``(n, 2)`` of close ones.

    In float64, real numbers differ in their seventh digit, and counts up to a million by one; in float32, real numbers
    differ in their third digit, and counts up to ten thousand by one.
    """
    close = 1e-7 if dtype == torch.float64 else 1e-3
    low, high = bounds(head)
    if head.support.is_discrete:
        base = torch.tensor([1e2, 1e3, 1e4, 1e6][: 4 if dtype == torch.float64 else 3], dtype=torch.float64)
        pairs = (low or 0) + torch.stack([base, base + 1], dim=-1)
    elif low is None or high is None:
        base = torch.tensor([1e-3, 1.0, 1e2, 1e3, 5e3], dtype=torch.float64)
        pairs = (low or 0) + torch.stack([base, base * (1 + close)], dim=-1)
    else:
        base = torch.tensor([1e-3, 1e-2, 0.3, 0.7, 0.99, 0.999], dtype=torch.float64)
        pairs = low + (high - low) * torch.stack([base, base * (1 + close / 100)], dim=-1)
        pairs = pairs if dtype == torch.float64 else pairs[:0]
    return pairs[head.support.check(pairs).all(-1)].to(dtype)
