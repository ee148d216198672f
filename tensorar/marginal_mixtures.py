"""Mixtures of Gaussians of single columns, by expectation and maximization: smooth marginals of data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

# smallest standard deviation, in those of the column: narrower peaks are those of rounding
FLOOR = 0.003
ITERATIONS = 60
# stands in for a component that no value belongs to
EMPTY = 1e-9


@dataclass(frozen=True, eq=False)
class ColumnMixtures:
    """A mixture for each column: weights, means and standard deviations ``(columns, components)``, in float64."""

    weight: Float64[Tensor, "columns k"]
    mean: Float64[Tensor, "columns k"]
    deviation: Float64[Tensor, "columns k"]

    def log_density(self, x: Float64[Tensor, "columns n"]) -> Float64[Tensor, "columns n"]:
        """The logarithm of the density of values of each column; NaN stays NaN."""
        return self._weighted(x).logsumexp(1)

    def _weighted(self, x: Float64[Tensor, "columns n"]) -> Float64[Tensor, "columns k n"]:
        """Log-densities of the components, as products of matrices: they are quadratic in the values."""
        precision = self.deviation**-2
        constant = self.weight.log() - self.deviation.log() - (self.mean**2 * precision + math.log(2 * math.pi)) / 2
        coefficients = torch.stack([constant, self.mean * precision, -precision / 2], -1)
        return coefficients @ _powers(x)

    def score(self, x: Float64[Tensor, "columns n"]) -> Float64[Tensor, "columns n"]:
        """The normal score of values: the standard normal quantile of their probability from below."""
        distance = (x[:, None] - self.mean[..., None]) / self.deviation[..., None]
        below, above = ((self.weight[..., None] * torch.special.ndtr(sign * distance)).sum(1) for sign in (1, -1))
        return torch.where(below < above, torch.special.ndtri(below), -torch.special.ndtri(above))

    def padded(self, components: int) -> ColumnMixtures:
        """The same with components of almost no weight."""
        more = components - self.weight.shape[1]
        parts = (self.mean, self.deviation)
        mean, deviation = (torch.cat([part, part[:, :1].expand(-1, more)], 1) for part in parts)
        weight = torch.nn.functional.pad(self.weight, (0, more), value=torch.finfo(torch.float64).tiny)
        return ColumnMixtures(weight, mean, deviation)


def _powers(x: Float64[Tensor, "columns n"]) -> Float64[Tensor, "columns 3 n"]:
    return torch.stack([torch.ones_like(x), x, x * x], 1)


def fit_mixtures(x: Float64[Tensor, "columns n"], components: int, *, iterations: int = ITERATIONS) -> ColumnMixtures:
    """Fit a mixture to each column of about unit scale; missing values (NaN) are left out, and so is an empty column.

    Components start at equally spaced quantiles. Dempster, Laird, Rubin, "Maximum likelihood from incomplete data via
    the EM algorithm", 1977.
    """
    known = ~x.isnan()
    values = torch.where(known, x, 0.0)
    sums = _powers(values) * known[:, None]
    places = (torch.arange(components, dtype=torch.float64) + 0.5) / components
    mean = x.nanquantile(places, dim=1).T.nan_to_num()
    found = ColumnMixtures(
        torch.full_like(mean, 1 / components), mean, torch.full_like(mean, max(0.02, 1 / components))
    )
    for _ in range(iterations):
        share = found._weighted(values).softmax(1)
        count, first, second = (share @ sums.mT).unbind(-1)
        count = count + EMPTY
        mean = first / count
        variance = (second / count - mean**2).clamp(min=0) + FLOOR**2
        found = ColumnMixtures(count / count.sum(1, keepdim=True), mean, variance.sqrt())
    return found


def choose_mixtures(
    train: Float64[Tensor, "columns n"], held_out: Float64[Tensor, "columns m"], counts: Sequence[int]
) -> ColumnMixtures:
    """The mixtures of ``train`` with as many components as suit ``held_out`` values of each column."""
    fits = [fit_mixtures(train, count).padded(max(counts)) for count in counts]
    best = torch.stack([fit.log_density(held_out).nanmean(1) for fit in fits]).nan_to_num(-torch.inf).argmax(0)
    parts = [torch.stack([getattr(fit, name) for fit in fits]) for name in ("weight", "mean", "deviation")]
    return ColumnMixtures(*(part[best, torch.arange(len(best))] for part in parts))
