"""Start of training and options of a head: they suit the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.support import bounds
from tensorar.testing.generate.head_inputs import Parameters
from tensorar.testing.generate.head_options import Variant, coefficients_of, event_shape_of, few_coefficients, variants
from tensorar.testing.generate.head_results import differing, results_of
from tensorar.testing.generate.option_values import other_values, written
from tensorar.testing.generate.values import values_of
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.quadrature import resolvable
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error

# nats per value by which a simple estimate may fall short of the parameters that the data were drawn from
MAX_LOSS = 0.5
# nats per value by which they may fall short of parameters of zero
ROUNDING = 0.05
# events from which parameters are estimated
EVENTS = 500


@check("head", by_kind=True)
def marginal_parameters_are_valid(part: PartUnderTest) -> None:
    """``marginal_parameters`` returns finite parameters for every coefficient, also for constant data or one event."""
    head: Head = part.instance
    if head.marginal_parameters(values_of(head, (50, *event_shape_of(part)), 0)) is None:
        raise CheckSkipped("the head has no marginal_parameters")
    for what, data in _kinds_of_data(head, event_shape_of(part)):
        found = head.marginal_parameters(data)
        expected = (*data.shape[1:], head.parameter_count)
        if found is None or tuple(found.shape) != expected:
            got = None if found is None else tuple(found.shape)
            raise CheckFailed(f"expected marginal_parameters {expected} for {what} data, got {got}")
        if not found.isfinite().all():
            bad = found[~found.isfinite()][0].item()
            raise CheckFailed(f"marginal_parameters contain {bad} for {what} data")


@check("head", by_kind=True)
def marginal_parameters_fit_the_data(part: PartUnderTest) -> None:
    """Training begins where the data are: ``marginal_parameters`` fit data that the head itself describes."""
    head: Head = part.instance
    if head.marginal_parameters(values_of(head, (50, *event_shape_of(part)), 0)) is None:
        raise CheckSkipped("the head has no marginal_parameters")
    for what, data in _kinds_of_data(head, event_shape_of(part)):
        _require_better_than_zeros(head, data, what)
    index = coefficients_of(part)
    for spread in (0.3, 1.0, 3.0):
        parameters = Parameters(spread, 0, torch.float64).of(head, len(index))
        data = head.distribution(parameters, index).sample((EVENTS,))
        good = resolvable(head, data) & head.supports(data, index).all(0)
        marginal = head.marginal_parameters(data)
        assert marginal is not None
        fitted, untrained = marginal.double(), torch.zeros_like(parameters)
        by = [head.distribution(p, index).log_prob(data).mean(0) for p in (parameters, fitted, untrained)]
        best = torch.maximum(by[0], by[2]) - MAX_LOSS * max(1.0, spread)
        wrong = good & ~(by[1] >= torch.minimum(by[0], best))
        if wrong.any():
            at = int(wrong.nonzero()[0])
            raise CheckFailed(
                f"data drawn from parameters {_short(parameters[at])} have {by[0][at].item():.3g} nats, but"
                f" {by[1][at].item():.3g} at marginal_parameters {_short(fitted[at])} ({by[2][at].item():.3g} at zeros)"
            )


@check("head")
def suggested_options_support_the_values(part: PartUnderTest) -> None:
    """``options_for`` data returns options of a head that supports them, or None, whatever the data."""
    index = coefficients_of(part)[:2]
    own = part.instance.restore(values_of(part.instance, (200, len(index)), 0, index), index)
    suggested = False
    for what, data in (("its own", own), *_any_data()):
        options = part.part.options_for(data)
        if options is None:
            continue
        suggested = True
        try:
            part.part(**options).for_data(data).check(data)
        except Exception as error:
            raise CheckFailed(
                f"options_for {what} data returns {options}, with which it {describe_error(error)}"
            ) from error
    if not suggested:
        raise CheckSkipped("options_for returns None for values of the support")


@check("head")
def every_option_has_an_effect(part: PartUnderTest) -> None:
    """Each option changes something: what is declared, features, likelihoods, draws or the start of training."""
    # an option may have no effect beside those that were given
    free = PartUnderTest.small(part.part, {}, part.shapes, part.profile)
    settings = [*variants(part), *(_variants(free) if part.given else ())]
    for option in part.part.option_parameters():
        changes = [{option: value} for value in other_values(part, option)]
        accepted = [change for change in changes if any(_changed(part, setting, change) for setting in settings)]
        if accepted and not any(_differs(part, setting, change) for setting in settings for change in accepted):
            raise CheckFailed(f"the option {option} has no effect (tried {', '.join(map(written, accepted))})")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_better_than_zeros(head: Head, data: Tensor, what: str) -> None:
    marginal = head.marginal_parameters(data)
    assert marginal is not None
    index = torch.arange(data[0].numel()).reshape(data.shape[1:])
    fitted, untrained = (
        head.distribution(p.double(), index).log_prob(data.double()).mean().item()
        for p in (marginal, torch.zeros_like(marginal))
    )
    if not fitted > untrained - ROUNDING:
        raise CheckFailed(f"{what} data have {fitted:.3g} nats at marginal_parameters, {untrained:.3g} at zeros")


def _observable(head: Head, n: int) -> dict[str, Tensor]:
    """What a head returns for ``n`` coefficients, and what it makes of data."""
    data = 5 + 3 * head.restore(values_of(head, (50, n), 0), torch.arange(n)).double()
    fitted = head.for_data(data)
    return results_of(head, shape=(5, n)) | {"standard values": fitted.standardize(data, torch.arange(n))}


def _changed(part: PartUnderTest, setting: Variant, change: dict[str, Any]) -> Head | None:
    """The head with another value of an option, or None if it is refused."""
    with suppress(Exception):
        return part.make({**setting.options, **change})  # type: ignore[no-any-return]
    return None


def _differs(part: PartUnderTest, setting: Variant, change: dict[str, Any]) -> bool:
    n, other = few_coefficients(part), _changed(part, setting, change)
    with suppress(Exception):
        return other is not None and bool(differing(_observable(setting.head, n), _observable(other, n)))
    return False


def _variants(part: PartUnderTest) -> list[Variant]:
    """The variants of the part, none if it has required options."""
    with suppress(Exception):
        return variants(part)
    return []


def _kinds_of_data(head: Head, event_shape: Shape) -> Iterator[tuple[str, Tensor]]:
    ordinary = values_of(head, (50, *event_shape), 0)
    yield "ordinary", ordinary
    yield "integer-valued float32", ordinary.float()
    yield "constant", ordinary[torch.zeros(50).long()]
    yield "a single event of", ordinary[:1]
    yield "two-valued", ordinary[torch.arange(50) % 2]
    low, _ = bounds(head)
    if not head.support.is_discrete and low is None:
        yield "widely spread", 1000 * ordinary
        yield "distant", 1000 + ordinary


def _any_data() -> Iterator[tuple[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(200, 2, generator=generator, dtype=torch.float64)
    yield "normal", normal
    yield "float32", normal.float()
    yield "distant", 1e4 + normal
    yield "constant", torch.full((200, 2), 3.0)
    yield "zero", torch.zeros(200, 2)
    yield "binary", (normal > 0).float()
    yield "-1/1", (normal > 0).double() * 2 - 1
    yield "positive", normal.exp()
    yield "long-tailed positive", (3 * normal).exp()
    yield "fractional", normal.sigmoid()
    yield "fractional, 0 and 1 included,", (2 * normal).clamp(0, 1)
    yield "uint8", (40 * normal + 128).clamp(0, 255).to(torch.uint8)
    yield "integer", (10 * normal).round().long()
    yield "large count", (5 + 3 * normal).exp().round()
    yield "large integer", (1e9 * normal).round().long()
    for bad in (torch.nan, torch.inf, -torch.inf):
        yield f"incomplete ({bad})", torch.cat([normal.exp().round(), torch.tensor([[bad, 1.0]], dtype=torch.float64)])


def _short(parameters: Tensor) -> str:
    return "(" + ", ".join(f"{p:.3g}" for p in parameters.tolist()[:4]) + ")"
