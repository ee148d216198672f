"""The shortcut of a head to log-probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, SPREADS, Parameters, conditional
from tensorar.testing.generate.head_options import repeated_coefficients, small_and_default
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

# allowed difference, relative if it is large
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}


@check("head")
def log_prob_is_that_of_the_distribution(part: PartUnderTest) -> None:
    """``log_prob`` equals the log-probabilities of ``distribution``, and broadcasts as they do."""
    coefficients = repeated_coefficients(part, 6)
    for variant in small_and_default(part):
        for drawn in (Parameters(spread, 2, dtype) for dtype in DTYPES for spread in (*SPREADS, 100.0)):
            values = values_of(variant.head, (4, 6), 0, coefficients).to(drawn.dtype)
            where = f"({drawn.description}, {variant.description})"
            # where kinds differ, only whole events are known to broadcast
            for shape in ((4, 6), (6,)) if len(variant.head.members) == 1 else ((4, 6),):
                _require_same(variant.head, drawn.of(variant.head, *shape), values, coefficients, where)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_same(head: Head, parameters: Tensor, values: Tensor, coefficients: Tensor, where: str) -> None:
    expected = conditional(head, parameters, coefficients).log_prob(values)
    found = head.log_prob(parameters, values, coefficients)
    tolerance = TOLERANCE[parameters.dtype]
    same = found.shape == expected.shape and found.dtype == expected.dtype
    if not same or not torch.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise CheckFailed(f"log_prob gives {_shown(found)} instead of {_shown(expected)} {where}")


def _shown(log_prob: Tensor) -> str:
    first = ", ".join(f"{value:g}" for value in log_prob.flatten()[:3].tolist())
    return f"{first} ... ({log_prob.dtype}, shape {tuple(log_prob.shape)})"
