"""The densities of a dataset of real numbers: they integrate to 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

MAX_COEFFICIENTS = 6
# points of importance sampling, and training events around which half of them lie
POINTS, CENTERS = 40_000, 300
# relative standard errors of the integral: above the first it is not known, and beyond so many it is not 1
MAX_ERROR, DEVIATIONS, ROUNDING = 0.05, 5, 1e-3
# of densities, in a lower bound of the integral
MAX_RATIO = 50.0


@check("dataset")
def densities_integrate_to_one(part: PartUnderTest) -> None:
    """The density of up to 6 real coefficients integrates to 1, by importance sampling (5 standard errors)."""
    dataset: Dataset = part.instance
    flat = dataset.splits.train.reshape(len(dataset.splits.train), -1).double()
    if dataset.log_prob(dataset.splits.test[:1]) is None:
        raise CheckSkipped("the dataset has no log_prob")
    if (flat == flat.round()).all() or flat.shape[1] > MAX_COEFFICIENTS or len(flat) < 20:
        raise CheckSkipped(f"the events are not of up to {MAX_COEFFICIENTS} real numbers")
    points, density = _points(flat)
    try:
        nats = dataset.log_prob(points.reshape(-1, *dataset.event_shape).to(dataset.splits.test.dtype))
    except Exception as refusal:
        raise CheckSkipped(f"log_prob does not take all real numbers: {type(refusal).__name__}") from refusal
    assert nats is not None
    ratio = (nats.double() - density).exp()
    total, error = float(ratio.mean()), float(ratio.std()) / math.sqrt(len(ratio))
    if not math.isfinite(total):
        raise CheckFailed("log_prob is NaN or infinite for some real numbers")
    # large ratios cut off, the mean is a lower bound with a small error
    least = ratio.clamp(max=MAX_RATIO)
    if float(least.mean()) - DEVIATIONS * float(least.std()) / math.sqrt(len(least)) > 1 + ROUNDING:
        raise CheckFailed(f"the density integrates to at least {float(least.mean()):.4g}")
    if error > MAX_ERROR * max(total, 1):
        raise CheckSkipped(f"the integral of the density is known to {error:.2f} only")
    if abs(total - 1) > DEVIATIONS * error + ROUNDING:
        raise CheckFailed(f"the density integrates to {total:.4g}, with a standard error of {error:.2g}")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _points(events: Tensor) -> tuple[Tensor, Tensor]:
    """Points of a distribution with heavier tails than the events, and their log-densities.

    Half are of Student distributions around some of the events, half of a Cauchy distribution around their mean.
    """
    generator = torch.Generator().manual_seed(0)
    centers = events[torch.randperm(len(events), generator=generator)[:CENTERS]]
    n = events.shape[1]
    covariance = torch.atleast_2d(events.T.cov()) + 1e-12 * torch.eye(n, dtype=torch.float64)
    wide = torch.linalg.cholesky(covariance)
    # Silverman's bandwidth
    narrow = wide * len(centers) ** (-1 / (n + 4))
    chosen = centers[torch.randint(len(centers), (POINTS // 2,), generator=generator)]
    points = torch.cat(
        [
            chosen + _student(POINTS // 2, n, 5, generator) @ narrow.T,
            events.mean(0) + _student(POINTS // 2, n, 1, generator) @ wide.T,
        ]
    )
    around = torch.stack([_log_density(points - center, narrow, 5) for center in centers]).logsumexp(0)
    both = torch.stack([around - math.log(len(centers)), _log_density(points - events.mean(0), wide, 1)])
    return points, both.logsumexp(0) - math.log(2)


def _student(count: int, n: int, freedom: int, generator: torch.Generator) -> Tensor:
    """Points of the standard multivariate Student distribution, ``(count, n)``."""
    normal = torch.randn(count, n + freedom, generator=generator, dtype=torch.float64)
    return normal[:, :n] / (normal[:, n:].square().mean(1, keepdim=True)).sqrt()


def _log_density(offset: Tensor, scale: Tensor, freedom: int) -> Tensor:
    """The log-density of the multivariate Student distribution with a Cholesky factor of its scale."""
    n = offset.shape[1]
    squares = torch.linalg.solve_triangular(scale, offset.T, upper=False).square().sum(0)
    constant = math.lgamma((freedom + n) / 2) - math.lgamma(freedom / 2) - n / 2 * math.log(freedom * math.pi)
    tail: Tensor = (freedom + n) / 2 * (squares / freedom).log1p()
    return constant - float(scale.diagonal().log().sum()) - tail
