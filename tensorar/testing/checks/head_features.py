"""Features of values: finite, as many as declared, and different for different values."""

from __future__ import annotations

import torch

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, Parameters, conditional, extremes
from tensorar.testing.generate.values import values_of
from tensorar.testing.oracles import support_values
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed


@check("head")
def features_are_as_declared(part: PartUnderTest) -> None:
    """``encode`` returns ``feature_count`` finite features per value, of its dtype, and nonfinite ones for NaN."""
    head: Head = part.instance
    for shape in ((), (4,), (3, 2, 2)):
        for dtype in DTYPES:
            values = values_of(head, (7, *shape), 0).to(dtype)
            features = head.encode(values)
            if tuple(features.shape) != (7, *shape, head.feature_count):
                raise CheckFailed(f"features of {values.shape} have shape {tuple(features.shape)}")
            if features.dtype != dtype or not features.isfinite().all():
                raise CheckFailed(f"features of {dtype} values are not finite numbers of that dtype")
    values = values_of(head, (4,), 0)
    values[2] = torch.nan
    if head.encode(values).isfinite().all(-1).tolist() != [True, True, False, True]:
        raise CheckFailed("expected NaN features for a NaN, and finite ones for other values")


@check("head")
def encoding_is_injective(part: PartUnderTest) -> None:
    """Different values have different features, so that a network can distinguish them."""
    head: Head = part.instance
    known = support_values(head)
    values = known if known is not None else values_of(head, (500,), 0).unique()
    features = head.encode(values)
    alike = len(values) - len(features.unique(dim=0))
    if alike:
        order = features[:, 0].argsort()
        same = (features[order][1:] == features[order][:-1]).all(1).nonzero()
        pair = values[order][int(same[0]) :][:2].tolist() if len(same) else values[:2].tolist()
        raise CheckFailed(
            f"{alike} of {len(values)} values have the features of another value, as {pair[0]:g} and {pair[1]:g}"
        )


@check("head")
def extreme_values_are_finite(part: PartUnderTest) -> None:
    """Values at the ends of the support have finite likelihoods and features."""
    head: Head = part.instance
    for dtype in DTYPES:
        values = extremes(head).to(dtype)
        values = values[head.support.check(values)]
        parameters = Parameters(1.0, 0, dtype).of(head, 20, 1).expand(20, len(values), -1)
        nats, features = conditional(head, parameters).log_prob(values.expand(20, -1)), head.encode(values)
        for what, numbers in (("log-likelihood", nats), ("feature", features.mT)):
            wrong = ~numbers.isfinite()
            if wrong.any():
                value = values.expand(numbers.shape)[wrong][0].item()
                raise CheckFailed(f"a {what} of the value {value:.9g} is {numbers[wrong][0].item()} in {dtype}")
