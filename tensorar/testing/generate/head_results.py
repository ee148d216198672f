"""Everything a head returns for fixed inputs, to compare heads with others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.support import bounds
from tensorar.testing.generate.head_inputs import Parameters
from tensorar.testing.generate.values import values_of
from tensorar.utils.random_state import seed_all


def results_of(head: Head, *, dtype: torch.dtype = torch.float64, shape: tuple[int, ...] = (5, 3)) -> dict[str, Tensor]:
    """Features, likelihoods, draws and marginal parameters of fixed inputs, and what the head declares."""
    values = values_of(head, shape, 0).to(dtype)
    index = torch.arange(math.prod(shape[1:])).reshape(shape[1:])
    results = {"features": head.encode(values, index)}
    for spread in (1.0, 30.0):
        parameters = Parameters(spread, 0, dtype).of(head, *shape)
        # first, since `noise_size` may make a distribution in another dtype
        results[f"likelihoods{spread:g}"] = head.distribution(parameters, index).log_prob(values)
        seed_all(0)
        noise = torch.rand(*shape, head.noise_size, dtype=dtype).clamp(min=1e-3)
        results[f"draws{spread:g}"] = head.draw(parameters, noise, index)
    marginal = head.marginal_parameters(values)
    if marginal is not None:
        results["marginal parameters"] = marginal
    return results | {"declarations": torch.tensor(_declarations(head))}


def differing(some: dict[str, Tensor], others: dict[str, Tensor]) -> str:
    """The name of the first result that differs, an empty string if none does."""
    for name in some.keys() | others.keys():
        if name not in some or name not in others or not _same(some[name], others[name]):
            return name.rstrip("0123456789")
    return ""


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num())


def _declarations(head: Head) -> list[float]:
    numbers = [math.nan if bound is None else bound for bound in bounds(head)]
    return [head.parameter_count, head.feature_count, head.noise_size, head.support.is_discrete, *numbers]
