"""Inputs of heads: random parameters, extreme values, and grids to sum or integrate over."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.testing.oracles import points_and_weights, support_values
from tensorar.testing.properties import Draw, composite

DTYPES = (torch.float64, torch.float32)
# counts are summed up to this one
MAX_COUNT = 2**16


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


@composite
def parameters(draw: Draw, spreads: tuple[float, ...], dtypes: tuple[torch.dtype, ...] = DTYPES) -> Parameters:
    """Parameters with one of these standard deviations and dtypes."""
    return Parameters(draw(st.sampled_from(spreads)), draw(st.integers(0, 2**16)), draw(st.sampled_from(dtypes)))


def conditional(head: Head, parameters: Tensor) -> Distribution:
    """The distribution of parameters ``(..., P)``, all for the first coefficient."""
    return head.distribution(parameters, torch.zeros(parameters.shape[:-1], dtype=torch.long))


def enumerable(head: Head) -> bool:
    """Whether the support of a coefficient is finite."""
    return support_values(head) is not None


def grid(head: Head, step: float = 0.005) -> tuple[Tensor, Tensor]:
    """Values and weights: a finite support, counts up to a large one, or points to integrate over."""
    known = support_values(head)
    if known is None and head.support.is_discrete:
        known = float(getattr(head.support, "lower_bound", 0)) + torch.arange(MAX_COUNT, dtype=torch.float64)
    if known is not None:
        return known, torch.ones_like(known)
    return points_and_weights(head, step=step)


def extremes(head: Head) -> Tensor:
    """Values at the ends of the support, or large ones where it is unbounded."""
    known = support_values(head)
    if known is not None:
        return known[[0, -1]]
    low, high = (getattr(head.support, name, None) for name in ("lower_bound", "upper_bound"))
    if head.support.is_discrete:
        return float(low or 0) + torch.tensor([0.0, 1.0, 1e2, 1e4], dtype=torch.float64)
    if low is None:
        return torch.tensor([-1e6, -1e3, 0.0, 1e3, 1e6], dtype=torch.float64)
    if high is None:
        return float(low) + torch.tensor([1e-6, 1e-3, 1.0, 1e3, 1e6], dtype=torch.float64)
    return float(low) + (float(high) - float(low)) * torch.tensor(
        [1e-6, 1e-3, 0.5, 0.999, 1 - 1e-6], dtype=torch.float64
    )
