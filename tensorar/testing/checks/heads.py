"""Properties of heads: a normalized distribution over the support, finite gradients and features."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import (
    DTYPES,
    Parameters,
    conditional,
    enumerable,
    grid,
    parameters,
)
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

# allowed distance of the total probability from 1: of discrete values by dtype, and of an integrated density
MASS_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
DENSITY_TOLERANCE = 2e-3


@check("head")
def sums_to_one(part: PartUnderTest) -> None:
    """The probabilities of all values sum to 1, or the density integrates to 1."""
    head: Head = part.instance

    def test(drawn: Parameters) -> None:
        total, tolerance = _mass(head, drawn)
        worst = int((total - 1).abs().argmax())
        if not abs(total[worst].item() - 1) < tolerance:
            raise CheckFailed(f"the probabilities sum to {total[worst].item():.9g}")

    if enumerable(head):
        cases = parameters((1.0, 0.1, 3.0, 10.0))
    else:
        # floating-point numbers next to a bound are too sparse to integrate a density concentrated there
        bounded = getattr(head.support, "upper_bound", None) is not None
        cases = parameters((0.3, 0.1) if bounded else (1.0, 0.1), DTYPES[:1])
    for_all(cases, test, examples=part.profile.examples)


@check("head")
def extreme_parameters_are_finite(part: PartUnderTest) -> None:
    """For extreme parameters, likelihoods and their gradients are finite."""
    head: Head = part.instance
    for dtype in DTYPES:
        for size in (1e1, 1e2, 1e4):
            parameters = (Parameters(1.0, 0, dtype).of(head, 200).sign() * size).requires_grad_()
            nats = conditional(head, parameters).log_prob(values_of(head, (200,), 0).to(dtype))
            (gradients,) = torch.autograd.grad(nats.sum(), parameters)
            for what, numbers in (("log-likelihood", nats), ("gradient", gradients)):
                if not numbers.isfinite().all():
                    bad = numbers[~numbers.isfinite()][0].item()
                    raise CheckFailed(f"a {what} is {bad} for parameters of size {size:g} in {dtype}")


@check("head")
def every_parameter_gets_gradient(part: PartUnderTest) -> None:
    """The likelihood depends on each parameter."""
    head: Head = part.instance
    parameters = Parameters(1.0, 0, torch.float64).of(head, 100).requires_grad_()
    nats = conditional(head, parameters).log_prob(values_of(head, (100,), 1))
    (gradients,) = torch.autograd.grad(nats.sum(), parameters, allow_unused=True)
    idle = torch.ones(head.parameter_count, dtype=torch.bool) if gradients is None else gradients.eq(0).all(0)
    if idle.any():
        raise CheckFailed(
            f"parameter {int(idle.nonzero()[0])} of {head.parameter_count} has no effect on the likelihood"
        )


@check("head")
def coefficients_are_independent(part: PartUnderTest) -> None:
    """The distribution of a coefficient depends on its own parameters only."""
    head: Head = part.instance
    parameters, values = Parameters(1.0, 0, torch.float64).of(head, 5, 2, 3), values_of(head, (5, 2, 3), 0)
    everything = head.distribution(parameters, torch.arange(6).reshape(2, 3)).log_prob(values)
    if everything.shape != (5, 2, 3):
        raise CheckFailed(f"parameters of (5, 2, 3) coefficients give likelihoods of shape {tuple(everything.shape)}")
    for i in range(6):
        one = head.distribution(parameters.reshape(5, 6, -1)[:, i], torch.full((5,), i))
        alone = one.log_prob(values.reshape(5, 6)[:, i])
        if not torch.allclose(alone, everything.reshape(5, 6)[:, i], rtol=1e-9, atol=1e-9):
            raise CheckFailed(f"coefficient {i} of 6 has another likelihood alone")
    several = head.distribution(parameters[:, 0, 0], torch.zeros(5, dtype=torch.long)).log_prob(values[:, 0, :1].mT)
    if several.shape != (1, 5):
        raise CheckFailed("values do not broadcast against parameters as in torch.distributions")


@check("head")
def no_side_effects(part: PartUnderTest) -> None:
    """Encoding, likelihoods and samples do not change values or parameters in place."""
    head: Head = part.instance
    values, parameters = values_of(head, (4, 3), 0), Parameters(1.0, 0, torch.float64).of(head, 4, 3)
    kept = values.clone(), parameters.clone()
    head.encode(values)
    distribution = conditional(head, parameters)
    distribution.log_prob(values)
    distribution.sample()
    if not torch.equal(values, kept[0]) or not torch.equal(parameters, kept[1]):
        raise CheckFailed("values or parameters were changed in place")


@check("head")
def precision_is_preserved(part: PartUnderTest) -> None:
    """Likelihoods and samples have the dtype of the parameters; float32 agrees with float64."""
    head: Head = part.instance
    values = values_of(head, (200,), 0).float()
    double = Parameters(1.0, 0, torch.float32).of(head, 200).double()
    one, other = (
        conditional(head, parameters).log_prob(values.to(parameters)) for parameters in (double.float(), double)
    )
    sample = conditional(head, double.float()).sample()
    if one.dtype != torch.float32 or other.dtype != torch.float64:
        raise CheckFailed(f"likelihoods are {one.dtype} for float32, {other.dtype} for float64")
    if sample.is_floating_point() and sample.dtype != torch.float32:
        raise CheckFailed(f"samples are {sample.dtype} for parameters in float32")
    apart = (one - other).abs() / other.abs().clamp(min=1)
    if not apart.max() < 1e-2:
        worst = int(apart.argmax())
        raise CheckFailed(
            f"log-likelihood {one[worst].item():g} in float32, {other[worst].item():g} in float64, of the value"
            f" {values[worst].item():g}"
        )


@check("head")
def mean_matches_probabilities(part: PartUnderTest) -> None:
    """``mean`` of the distribution is the mean of its values."""
    head: Head = part.instance
    parameters = Parameters(0.3, 0, torch.float64).of(head)
    values, weights = grid(head)
    mass = conditional(head, parameters.expand(1, -1)).log_prob(values[:, None])[:, 0].exp() * weights
    expected = float((mass * values)[mass > 0].sum())
    got = float(conditional(head, parameters).mean)
    if not math.isfinite(got):
        raise CheckSkipped("the distribution has no finite mean")
    if not abs(got - expected) < 1e-2 * max(1.0, abs(expected)):
        raise CheckFailed(f"mean is {got:g}, the mean by the probabilities is {expected:g}")


@check("head")
def marginal_parameters_are_valid(part: PartUnderTest) -> None:
    """``marginal_parameters`` returns finite parameters for every coefficient."""
    head: Head = part.instance
    found = head.marginal_parameters(values_of(head, (50, 2, 3), 0))
    if found is None:
        raise CheckSkipped("the head has no marginal_parameters")
    if tuple(found.shape) != (2, 3, head.parameter_count) or not found.isfinite().all():
        raise CheckFailed(
            f"expected finite marginal_parameters (2, 3, {head.parameter_count}), got {tuple(found.shape)}"
        )


@check("head")
def suggested_options_support_the_values(part: PartUnderTest) -> None:
    """``options_for`` values returns options of a head that supports them."""
    values = part.instance.restore(values_of(part.instance, (200, 2), 0))
    options = part.part.options_for(values)
    if options is None:
        raise CheckSkipped("options_for returns None for values of the support")
    part.part(**options).for_data(values).check(values)


def _mass(head: Head, drawn: Parameters) -> tuple[Tensor, float]:
    parameters = drawn.of(head, 20 if enumerable(head) else 4)
    tolerance = MASS_TOLERANCE[drawn.dtype] if enumerable(head) else DENSITY_TOLERANCE
    total = torch.zeros(len(parameters))
    # a density narrower than the grid spacing needs a finer grid
    for step in (0.005, 0.0005):
        values, weights = grid(head, step)
        nats = conditional(head, parameters).log_prob(values.to(drawn.dtype)[:, None])
        total = (nats.double().exp() * weights[:, None]).sum(0)
        if (total - 1).abs().max() < tolerance or head.support.is_discrete:
            break
    return total, tolerance
