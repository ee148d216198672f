"""Probabilities of a head: they sum to one, whatever the parameters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, SPREADS, Parameters, conditional, shifted_blocks
from tensorar.testing.generate.head_options import Variant, repeated_coefficients, small_and_default, variants
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.quadrature import DENSITY_TOLERANCE, RESOLUTIONS, listed_values, masses, resolvable
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

# allowed distance of the total probability of few values from 1
MASS_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
# offsets of all logits, and a standard deviation
SHIFTS = (1e3, -1e3, 1e6, -1e6, 1e8)
WIDE = 1e4
# standard deviation of parameters for which the distribution of any head can be integrated
MILD = 0.1


@check("head", by_kind=True)
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


@check("head", by_kind=True)
def normalized_at_large_logits(part: PartUnderTest) -> None:
    """Probabilities sum to 1 whatever the logits: also if these share a large offset, as weights of a mixture too."""
    for variant in small_and_default(part):
        for dtype in DTYPES:
            if listed_values(variant.head) is not None:
                _require_normalized(variant, dtype)
            elif dtype == torch.float32:
                _require_invariant(variant.head)


# --- helpers ---------------------------------------------------------------------------------------------------------


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
