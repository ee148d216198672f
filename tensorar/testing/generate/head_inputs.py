"""What a head is tried with: parameters, values, and a grid of values with their weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.testing.check import Draw, composite
from tensorar.testing.oracles import points_and_weights, support_values

DTYPES = (torch.float64, torch.float32)
# counts are looked at up to here
FAR = 2**16


@dataclass(frozen=True)
class Parameters:
    """Random parameters of a size, in a precision."""

    spread: float
    seed: int
    dtype: torch.dtype

    @property
    def words(self) -> str:
        """What a failure is told by."""
        return f"parameters of about {self.spread:g}, {self.dtype}"

    def of(self, head: Head, *shape: int) -> Tensor:
        """For coefficients of a shape, ``(*shape, P)``."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(*shape, head.parameter_count, generator=generator, dtype=torch.float64)
        return (self.spread * drawn).to(self.dtype)


@composite
def parameters(draw: Draw, spreads: tuple[float, ...], dtypes: tuple[torch.dtype, ...] = DTYPES) -> Parameters:
    """Parameters of one of these sizes, in one of these precisions."""
    return Parameters(draw(st.sampled_from(spreads)), draw(st.integers(0, 2**16)), draw(st.sampled_from(dtypes)))


def conditional(head: Head, parameters: Tensor) -> Distribution:
    """The distribution of some coefficients, which are named as a model names them."""
    return head.distribution(parameters, torch.zeros(parameters.shape[:-1], dtype=torch.long))


def enumerable(head: Head) -> bool:
    """Whether the values of a coefficient can be listed."""
    return support_values(head) is not None


def grid(head: Head, step: float = 0.005) -> tuple[Tensor, Tensor]:
    """Values with their weights: those of the support, counts up to a large one, or points to integrate over."""
    known = support_values(head)
    if known is None and head.support.is_discrete:
        known = float(getattr(head.support, "lower_bound", 0)) + torch.arange(FAR, dtype=torch.float64)
    if known is not None:
        return known, torch.ones_like(known)
    return points_and_weights(head, step=step)


def extremes(head: Head) -> Tensor:
    """Values at the ends of the support, or far out where it has none."""
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
