"""Probabilities of a head: they sum to one, and the mean and the variance are theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, SPREADS, Parameters, conditional, shifted_blocks
from tensorar.testing.generate.head_options import Variant, repeated_coefficients, small_and_default, variants
from tensorar.testing.generate.values import values_of
from tensorar.testing.oracles import bounds
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.quadrature import FAR, RESOLUTIONS, Masses, listed_values, masses, resolvable
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

# allowed distance of the total probability from 1: of few values by dtype, and of an integral
MASS_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
DENSITY_TOLERANCE = 2e-3
# offsets of all logits, and a standard deviation
SHIFTS = (1e3, -1e3, 1e6, -1e6, 1e8)
WIDE = 1e4
# standard deviation of parameters for which the distribution of any head can be integrated
MILD = 0.1


@check("head")
def sums_to_one(part: PartUnderTest) -> None:
    """The probabilities of all values sum to 1, or the density integrates to 1, narrow or wide, near or far."""
    for variant, drawn in _cases(part):
        head = variant.head
        parameters = drawn.of(head, part.profile.examples)
        total, good = _total(head, parameters, drawn.dtype, part)
        # near zero an end of the support at which samples repeat is no matter of rounding
        good |= drawn.spread <= MILD
        tolerance = MASS_TOLERANCE[drawn.dtype] if listed_values(head) is not None else DENSITY_TOLERANCE
        wrong = ~((total - 1).abs() < tolerance) & good
        if wrong.any():
            where = f"({drawn.description}, {variant.description})"
            raise CheckFailed(f"the probabilities sum to {total[wrong][0].item():.9g}{_hint(head, parameters)} {where}")


@check("head")
def normalized_at_large_logits(part: PartUnderTest) -> None:
    """Probabilities sum to 1 whatever the logits: also if these share a large offset, as weights of a mixture too."""
    for variant in small_and_default(part):
        for dtype in DTYPES:
            if listed_values(variant.head) is not None:
                _require_normalized(variant, dtype)
            elif dtype == torch.float32:
                _require_invariant(variant.head)


@check("head")
def mean_matches_probabilities(part: PartUnderTest) -> None:
    """``mean`` of the distribution is the mean of its values, or the circular mean of angles."""
    _require_moment(part, "mean")


@check("head")
def variance_matches_probabilities(part: PartUnderTest) -> None:
    """``variance`` of the distribution is the variance of its values, or the circular variance of angles."""
    _require_moment(part, "variance")


# --- totals ----------------------------------------------------------------------------------------------------------


def _cases(part: PartUnderTest) -> Iterator[tuple[Variant, Parameters]]:
    for i, variant in enumerate(variants(part)):
        dtypes = DTYPES if variant.head.support.is_discrete else DTYPES[:1]
        for spread in (0.0, *SPREADS, 1000.0):
            # far from zero, float32 has no room for integers next to each other
            for dtype in dtypes[: 1 if spread > max(SPREADS) else 2]:
                yield variant, Parameters(spread, i, dtype)


def _total(head: Head, parameters: Tensor, dtype: torch.dtype, part: PartUnderTest) -> tuple[Tensor, Tensor]:
    """The total probability for each row of parameters, and where it can be computed."""
    coefficients = repeated_coefficients(part, len(parameters))
    total, good = torch.zeros(len(parameters), dtype=torch.float64), torch.ones(len(parameters), dtype=torch.bool)
    rows = torch.arange(len(parameters))
    for n, step in RESOLUTIONS:
        distribution = conditional(head, parameters[rows], coefficients[rows])
        samples = distribution.sample((n,)) if listed_values(head) is None else parameters[None, rows, 0]
        total[rows], good[rows] = masses(head, distribution, samples, step, dtype).total, resolvable(head, samples)
        # only what is not yet accurate is computed again
        rows = (good & ~((total - 1).abs() < DENSITY_TOLERANCE)).nonzero()[:, 0]
        if not len(rows) or listed_values(head) is not None:
            break
    return total, good


def _hint(head: Head, parameters: Tensor) -> str:
    """The value that has a probability of its own under a density, if there is one."""
    if head.support.is_discrete:
        return ""
    values, counts = conditional(head, parameters).sample((1000,)).flatten().unique(return_counts=True)
    atom = values[counts.argmax()].item()
    return f"; declare point_masses = ({atom:g},) if {atom:g} has a probability" if counts.max() > 20 else ""


def _require_normalized(variant: Variant, dtype: torch.dtype) -> None:
    head, values = variant.head, listed_values(variant.head)
    assert values is not None
    standard, wide = Parameters(1.0, 0, dtype).of(head, 8), Parameters(WIDE, 0, dtype).of(head, 8)
    cases = [(f"logits of standard deviation {WIDE:g}", wide)]
    for shift in SHIFTS:
        cases += [(f"logits shifted by {shift:g}", shifted) for shifted in shifted_blocks(standard, shift)]
    for what, parameters in cases:
        nats = conditional(head, parameters).log_prob(values.to(dtype)[:, None])
        total = nats.double().exp().sum(0)
        wrong = ~((total - 1).abs() < max(MASS_TOLERANCE[dtype], 1e-8))
        if wrong.any():
            raise CheckFailed(
                f"the probabilities sum to {total[wrong][0].item():.9g} ({what}, {dtype}, {variant.description})"
            )


def _require_invariant(head: Head) -> None:
    """Require that the density does not change with an offset that float64 shows to be of no effect (of weights)."""
    standard, values = Parameters(1.0, 0, torch.float32).of(head, 50), values_of(head, (50,), 0).float()
    for shift in SHIFTS:
        for shifted in shifted_blocks(standard, shift):
            exact = conditional(head, shifted.double()).log_prob(values.double())
            # the parameters without their offset, as float32 has rounded them
            back = torch.where(shifted == standard, standard.double(), shifted.double() - shift)
            if not torch.allclose(conditional(head, back).log_prob(values.double()), exact, atol=1e-6):
                continue
            found = conditional(head, shifted).log_prob(values).double()
            worst = int((found - exact).abs().argmax())
            if not abs((found - exact)[worst].item()) < 1e-3 * max(1.0, abs(exact[worst].item())):
                raise CheckFailed(
                    f"a log-likelihood is {found[worst].item():g} instead of {exact[worst].item():g} in float32 for"
                    f" weights whose logits are shifted by {shift:g}: they do not sum to 1"
                )


# --- moments ---------------------------------------------------------------------------------------------------------


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
