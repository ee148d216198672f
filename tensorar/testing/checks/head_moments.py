"""The mean and the variance of a head: those of the probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.support import bounds
from tensorar.testing.generate.head_inputs import Parameters, conditional, shifted_blocks
from tensorar.testing.generate.head_options import small_and_default
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.quadrature import DENSITY_TOLERANCE, FAR, RESOLUTIONS, Masses, listed_values, masses, resolvable
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped


@check("head", by_kind=True)
def mean_matches_probabilities(part: PartUnderTest) -> None:
    """``mean`` of the distribution is the mean of its values, or the circular mean of angles."""
    _require_moment(part, "mean")


@check("head", by_kind=True)
def variance_matches_probabilities(part: PartUnderTest) -> None:
    """``variance`` of the distribution is the variance of its values, or the circular variance of angles."""
    _require_moment(part, "variance")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_moment(part: PartUnderTest, name: str) -> None:
    compared = False
    for variant in small_and_default(part):
        for what, parameters in _narrow_and_wide(variant.head, part.profile.examples // 2):
            got = _moment(variant.head, parameters, name)
            expected, slack, good = _expected(variant.head, parameters, name)
            good = good & got.isfinite()
            compared |= bool(good.any())
            wrong = good & ~((got - expected).abs() < slack)
            if wrong.any():
                wrong &= ~_is_circular(variant.head, parameters, got, name)
            if wrong.any():
                raise CheckFailed(
                    f"{name} is {got[wrong][0].item():g}, the {name} by the probabilities is"
                    f" {expected[wrong][0].item():g} ({what}, {variant.description})"
                )
    if not compared:
        raise CheckSkipped(f"the distribution has no finite {name}")


def _narrow_and_wide(head: Head, n: int) -> Iterator[tuple[str, Tensor]]:
    """Parameters near zero, and with blocks of these shifted: scales become narrow or wide, weights stay moderate.

    (The density cannot be integrated accurately enough for a variance where a component of little weight is far away.)
    """
    for spread in (0.3, 1.0):
        yield f"parameters of standard deviation {spread:g}", Parameters(spread, 0, torch.float64).of(head, n)
    for shift in (-10.0, -4.0, 4.0, 10.0):
        shifted = shifted_blocks(Parameters(0.5, 0, torch.float64).of(head, 1), shift)
        yield f"some or all parameters shifted by {shift:g}", torch.cat(list(shifted))


def _moment(head: Head, parameters: Tensor, name: str) -> Tensor:
    try:
        found: Tensor = getattr(conditional(head, parameters), name)
    except NotImplementedError:
        raise CheckSkipped(f"the distribution has no {name}") from None
    if found.shape != parameters.shape[:-1]:
        raise CheckFailed(f"{name} has shape {tuple(found.shape)} for {len(parameters)} coefficients")
    return found.double()


def _expected(head: Head, parameters: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """A moment by the probabilities, how far it may be off, and where it is known."""
    found, finer = _masses(head, parameters, *RESOLUTIONS[0]), _masses(head, parameters, 500, 0.4)
    mean, variance = _mean_and_variance(found)
    far = found.mean_of(torch.where(found.points.abs() > FAR, 1.0, 0.0) * found.points.abs().clamp(max=1e30) ** 2)
    samples = conditional(head, parameters).sample((100,))
    again = _mean_and_variance(finer)[1]
    good = ((found.total - 1).abs() < DENSITY_TOLERANCE) & resolvable(head, samples) & (far <= 1e-4 * variance)
    good &= (again - variance).abs() <= 1e-3 * variance
    rounding = 1e-9 * (1 + mean**2) + (found.total - 1).abs() * variance
    if name == "mean":
        return mean, 0.01 * variance.sqrt() + 1e-6 * mean.abs() + 1e-9 + (found.total - 1).abs() * mean.abs(), good
    return variance, 0.02 * variance + rounding, good


def _mean_and_variance(found: Masses) -> tuple[Tensor, Tensor]:
    mean = found.mean_of(found.points) / found.total
    # the squares of far points overflow, and such points have no part in a moment that is known
    return mean, found.mean_of((found.points.clamp(-1e30, 1e30) - mean) ** 2) / found.total


def _masses(head: Head, parameters: Tensor, n: int, step: float) -> Masses:
    distribution = conditional(head, parameters)
    samples = distribution.sample((n,)) if listed_values(head) is None else parameters[None, :, 0]
    return masses(head, distribution, samples, step)


def _is_circular(head: Head, parameters: Tensor, moment: Tensor, name: str) -> Tensor:
    """Whether each moment is the circular one of the values of an interval, whose ends are the same point."""
    low, high = bounds(head)
    if low is None or high is None or head.support.is_discrete:
        return torch.zeros_like(moment, dtype=torch.bool)
    turn = 2 * math.pi / (high - low)
    found = _masses(head, parameters, *RESOLUTIONS[0])
    angle = turn * (found.points - low)
    sine, cosine = found.mean_of(angle.sin()), found.mean_of(angle.cos())
    if name == "variance":
        return (moment - (1 - torch.hypot(sine, cosine))).abs() < 0.02
    apart = turn * (moment - low) - torch.atan2(sine, cosine)
    return torch.atan2(apart.sin(), apart.cos()).abs() < 0.02
