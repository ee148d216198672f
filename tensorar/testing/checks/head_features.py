"""Features of values: finite, as many as declared, of about unit size, and different for different values."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.support import support_values
from tensorar.testing.generate.head_inputs import DTYPES, Parameters, conditional, extremes, neighbors
from tensorar.testing.generate.head_options import small_and_default, variants
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

# sizes of features of ordinary values, of counts of thousands, and relative to a real number of thousands
LARGEST, LARGEST_OF_COUNTS, LARGEST_RATIO = 20.0, 100.0, 10.0
SMALLEST_RANGE = 0.05


@check("head", by_kind=True)
def features_are_as_declared(part: PartUnderTest) -> None:
    """``encode`` returns ``feature_count`` finite features per value, of its dtype, and nonfinite ones for NaN.

    It also takes zeros, which stand for unknown values, whatever the support.
    """
    for variant in variants(part):
        head = variant.head
        for shape in ((), (4,), (3, 2, 2)):
            for dtype in DTYPES:
                _require_features(head, values_of(head, (7, *shape), 0).to(dtype))
        values = values_of(head, (4,), 0)
        values[2] = torch.nan
        index = torch.zeros(values.shape, dtype=torch.long)
        if head.encode(values, index).isfinite().all(-1).tolist() != [True, True, False, True]:
            raise CheckFailed("expected NaN features for a NaN, and finite ones for other values")
        for unknown in (torch.zeros(3, 2), torch.full((3, 2), torch.nan)):
            if head.encode(unknown, torch.zeros(2, dtype=torch.long)).shape != (3, 2, head.feature_count):
                raise CheckFailed(f"features of unknown values ({unknown[0, 0].item()}) have another shape")


@check("head", by_kind=True)
def features_are_of_unit_size(part: PartUnderTest) -> None:
    """Features are neither so large nor so small that a network cannot learn from them, for large counts too."""
    for variant in small_and_default(part):
        head = variant.head
        features = head.encode(values_of(head, (1000,), 0), torch.zeros(1000, dtype=torch.long))
        size = features.abs().max().item()
        spread = (features.amax(0) - features.amin(0)).max().item()
        if not size < LARGEST or not spread > SMALLEST_RANGE:
            raise CheckFailed(
                f"features of ordinary values are up to {size:g} and differ by up to {spread:g}, expected about 1"
                f" ({variant.description})"
            )
        _require_moderate_far_out(head)


@check("head", by_kind=True)
def encoding_is_injective(part: PartUnderTest) -> None:
    """Different values have different features, so that a network can distinguish them: far ones and close ones too."""
    for variant in variants(part):
        head = variant.head
        known = support_values(head)
        if known is not None:
            # a network computes in float32: features that differ by rounding alone are the same
            _require_distinct(head, known, digits=6)
        else:
            _require_distinct(head, values_of(head, (500,), 0).unique())
        for dtype in DTYPES if known is None else ():
            _require_distinct(head, neighbors(head, dtype).flatten().unique())


@check("head", by_kind=True)
def extreme_values_are_finite(part: PartUnderTest) -> None:
    """Values at the ends of the support have finite likelihoods and features."""
    for variant in variants(part):
        head = variant.head
        for dtype in DTYPES:
            values = extremes(head).to(dtype)
            values = values[head.support.check(values) & head.supports(values, torch.zeros(len(values)).long())]
            parameters = Parameters(1.0, 0, dtype).of(head, 20, 1).expand(20, len(values), -1)
            nats = conditional(head, parameters).log_prob(values.expand(20, -1))
            features = head.encode(values, torch.zeros(len(values), dtype=torch.long))
            for what, numbers in (("log-likelihood", nats), ("feature", features.mT)):
                wrong = ~numbers.isfinite()
                if wrong.any():
                    value = values.expand(numbers.shape)[wrong][0].item()
                    raise CheckFailed(f"a {what} of the value {value:.9g} is {numbers[wrong][0].item()} in {dtype}")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_features(head: Head, values: Tensor) -> None:
    features = head.encode(values, torch.zeros(values.shape[1:], dtype=torch.long))
    if tuple(features.shape) != (*values.shape, head.feature_count):
        raise CheckFailed(f"features of {values.shape} have shape {tuple(features.shape)}")
    if features.dtype != values.dtype or not features.isfinite().all():
        raise CheckFailed(f"features of {values.dtype} values are not finite numbers of that dtype")


def _require_moderate_far_out(head: Head) -> None:
    far = extremes(head)
    far = far[head.support.check(far) & (far.abs() < 2e4)]
    size = head.encode(far, torch.zeros(len(far), dtype=torch.long)).abs().amax(-1)
    limit = LARGEST_OF_COUNTS if head.support.is_discrete else LARGEST_RATIO * far.abs().clamp(min=LARGEST)
    wrong = ~(size < limit)
    if wrong.any():
        raise CheckFailed(f"the features of {far[wrong][0].item():g} are up to {size[wrong][0].item():g}")


def _require_distinct(head: Head, values: Tensor, digits: int | None = None) -> None:
    features = head.encode(values, torch.zeros(values.shape, dtype=torch.long))
    if digits is not None:
        features = features.round(decimals=digits)
    groups = features.unique(dim=0, return_inverse=True)[1]
    order = groups.argsort(stable=True)
    same = (groups[order][1:] == groups[order][:-1]).nonzero()[:, 0]
    if len(same):
        one, other = values[order][int(same[0])].item(), values[order][int(same[0]) + 1].item()
        raise CheckFailed(
            f"{len(same)} of {len(values)} values have the features of another value, as {one:.9g} and {other:.9g}"
            f" in {values.dtype}"
        )
