"""Statistical tests of the checks: p-values, to be compared with ``SIGNIFICANCE``."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def p_value_of_mean(sample: Tensor, expected: float = 0.0) -> float:
    """Two-sided p-value of the hypothesis that a sample has this mean (normal approximation)."""
    sample = sample.double()
    # at least that of rounding, where all are equal
    error = max(float(sample.std()) / math.sqrt(len(sample)), 1e-9 * (1 + float(sample.abs().max())))
    return math.erfc(abs(float(sample.mean()) - expected) / error / math.sqrt(2))


def p_value_of_means(one: Tensor, other: Tensor) -> float:
    """Two-sided p-value of the hypothesis that two samples have the same mean (normal approximation)."""
    one, other = one.double(), other.double()
    error = math.sqrt(float(one.var() / len(one) + other.var() / len(other)))
    error = max(error, 1e-9 * (1 + float(one.abs().max())))
    return math.erfc(abs(float(one.mean() - other.mean())) / error / math.sqrt(2))


def p_value_of_counts(one: Tensor, other: Tensor) -> float:
    """The p-value of Pearson's chi-square test that two counts of the same cells follow the same distribution."""
    both = (one + other).double()
    keep = both > 0
    shares = [counts.sum() / both.sum() for counts in (one, other)]
    expected = torch.outer(torch.stack(shares), both[keep])
    statistic = ((torch.stack([one, other])[:, keep] - expected) ** 2 / expected).sum()
    freedom = torch.tensor(max(int(keep.sum()) - 1, 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2))


def smirnov_p_values(one: Tensor, other: Tensor) -> Tensor:
    """The p-value of Smirnov's two-sample test for each column; conservative where values repeat."""
    sizes, both = (len(one), len(other)), torch.cat([one, other]).double()
    values, order = both.sort(0)
    steps = torch.where(order < sizes[0], 1 / sizes[0], -1 / sizes[1]).cumsum(0)
    # only at the last of equal values do both distribution functions have their value
    last = torch.cat([values[1:] != values[:-1], torch.ones_like(values[:1], dtype=torch.bool)])
    distance = torch.where(last, steps.abs(), 0.0).amax(0)
    root = math.sqrt(sizes[0] * sizes[1] / sum(sizes))
    scaled = (root + 0.12 + 0.11 / root) * distance
    k = torch.arange(1, 101)[:, None]
    series = 2 * ((-1.0) ** (k - 1) * (-2 * k**2 * scaled**2).exp()).sum(0)
    return torch.where(scaled < 0.2, 1.0, series.clamp(0, 1))


def projections(events: Tensor, scale: Tensor, count: int) -> Tensor:
    """Random projections of standardized events ``(n, N) -> (n, count)``, always the same for a number of coefficients.

    Each is of at most 4 coefficients, so that dependence between a few is not lost in the sum of many.
    """
    n, generator = events.shape[1], torch.Generator().manual_seed(0)
    weights = torch.zeros(n, count, dtype=torch.float64)
    for column in range(count):
        chosen = torch.randperm(n, generator=generator)[: 2 + column % 3]
        weights[chosen, column] = torch.randn(len(chosen), generator=generator, dtype=torch.float64)
    return (events / scale) @ weights
