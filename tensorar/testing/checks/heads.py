"""What a head must be: a distribution over its support, values in and out of it, something finite for a net to see."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.check import CheckFailed, for_all
from tensorar.testing.generate.cases import Subject
from tensorar.testing.generate.head_inputs import (
    DTYPES,
    Parameters,
    conditional,
    enumerable,
    extremes,
    grid,
    parameters,
)
from tensorar.testing.generate.strategies import values_of
from tensorar.testing.oracles import support_values

# how far the mass may be from 1: of levels in either precision, of a density integrated by points
OF_LEVELS = {torch.float64: 1e-9, torch.float32: 1e-4}
OF_DENSITY = 2e-3


def sums_to_one(subject: Subject) -> None:
    """The probabilities of all values sum to 1, a density integrates to 1."""
    head: Head = subject.make()

    def test(drawn: Parameters) -> None:
        total, tolerance = _mass(head, drawn)
        worst = int((total - 1).abs().argmax())
        if not abs(total[worst].item() - 1) < tolerance:
            raise CheckFailed(f"the probabilities sum to {total[worst].item():.9g}")

    if enumerable(head):
        cases = parameters((1.0, 0.1, 3.0, 10.0))
    else:
        # next to a bound there are no numbers left for the mass of a density that piles up there
        bounded = getattr(head.support, "upper_bound", None) is not None
        cases = parameters((0.3, 0.1) if bounded else (1.0, 0.1), DTYPES[:1])
    for_all(cases, test, examples=subject.profile.examples)


def extreme_parameters_are_finite(subject: Subject) -> None:
    """Whatever the parameters, likelihoods and their slopes are finite."""
    head: Head = subject.make()
    for dtype in DTYPES:
        for size in (1e1, 1e2, 1e4):
            parameters = (Parameters(1.0, 0, dtype).of(head, 200).sign() * size).requires_grad_()
            nats = conditional(head, parameters).log_prob(values_of(head, (200,), 0).to(dtype))
            (slopes,) = torch.autograd.grad(nats.sum(), parameters)
            for what, numbers in (("log-likelihood", nats), ("slope", slopes)):
                if not numbers.isfinite().all():
                    bad = numbers[~numbers.isfinite()][0].item()
                    raise CheckFailed(f"a {what} is {bad} for parameters of size {size:g} in {dtype}")


def extreme_values_are_finite(subject: Subject) -> None:
    """Values at the ends of the support have a finite likelihood, and show a network finite features."""
    head: Head = subject.make()
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


def every_parameter_gets_gradient(subject: Subject) -> None:
    """The likelihood depends on each of the parameters."""
    head: Head = subject.make()
    parameters = Parameters(1.0, 0, torch.float64).of(head, 100).requires_grad_()
    nats = conditional(head, parameters).log_prob(values_of(head, (100,), 1))
    (slopes,) = torch.autograd.grad(nats.sum(), parameters, allow_unused=True)
    idle = torch.ones(head.parameter_count, dtype=torch.bool) if slopes is None else slopes.eq(0).all(0)
    if idle.any():
        raise CheckFailed(f"parameter {int(idle.nonzero()[0])} of {head.parameter_count} changes no likelihood")


def features_are_as_declared(subject: Subject) -> None:
    """``encode`` gives ``feature_count`` finite numbers per value, of its dtype, and NaN or infinity for a NaN."""
    head: Head = subject.make()
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
        raise CheckFailed("a NaN is not shown as unknown: its features must be NaN, and those of other values not")


def different_values_look_different(subject: Subject) -> None:
    """``encode`` is injective: what a network cannot tell apart it cannot model."""
    head: Head = subject.make()
    known = support_values(head)
    values = known if known is not None else values_of(head, (500,), 0).unique()
    features = head.encode(values)
    alike = len(values) - len(features.unique(dim=0))
    if alike:
        order = features[:, 0].argsort()
        same = (features[order][1:] == features[order][:-1]).all(1).nonzero()
        pair = values[order][int(same[0]) :][:2].tolist() if len(same) else values[:2].tolist()
        raise CheckFailed(f"{alike} of {len(values)} values look like others, as {pair[0]:g} and {pair[1]:g}")


def coefficients_stand_alone(subject: Subject) -> None:
    """Each coefficient has its own distribution, whatever the batch; asked for alone it is the same."""
    head: Head = subject.make()
    parameters, values = Parameters(1.0, 0, torch.float64).of(head, 5, 2, 3), values_of(head, (5, 2, 3), 0)
    everything = head.distribution(parameters, torch.arange(6).reshape(2, 3)).log_prob(values)
    if everything.shape != (5, 2, 3):
        raise CheckFailed(f"parameters of (5, 2, 3) coefficients give likelihoods of shape {tuple(everything.shape)}")
    for i in range(6):
        one = head.distribution(parameters.reshape(5, 6, -1)[:, i], torch.full((5,), i))
        alone = one.log_prob(values.reshape(5, 6)[:, i])
        if not torch.allclose(alone, everything.reshape(5, 6)[:, i], rtol=1e-9, atol=1e-9):
            raise CheckFailed(f"coefficient {i} of 6 has another likelihood when it is asked for alone")
    several = head.distribution(parameters[:, 0, 0], torch.zeros(5, dtype=torch.long)).log_prob(values[:, 0, :1].mT)
    if several.shape != (1, 5):
        raise CheckFailed("values do not broadcast against parameters as in torch.distributions")


def leaves_everything_unchanged(subject: Subject) -> None:
    """Neither values nor parameters are changed by what is done with them."""
    head: Head = subject.make()
    values, parameters = values_of(head, (4, 3), 0), Parameters(1.0, 0, torch.float64).of(head, 4, 3)
    kept = values.clone(), parameters.clone()
    head.encode(values)
    distribution = conditional(head, parameters)
    distribution.log_prob(values)
    distribution.sample()
    if not torch.equal(values, kept[0]) or not torch.equal(parameters, kept[1]):
        raise CheckFailed("values or parameters were changed in place")


def precision_is_kept(subject: Subject) -> None:
    """Likelihoods and samples have the dtype of the parameters; float32 agrees with float64."""
    head: Head = subject.make()
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


def mean_is_that_of_the_probabilities(subject: Subject) -> None:
    """The mean of the distribution, which pictures show, is the mean of its values."""
    head: Head = subject.make()
    parameters = Parameters(0.3, 0, torch.float64).of(head)
    values, weights = grid(head)
    mass = conditional(head, parameters.expand(1, -1)).log_prob(values[:, None])[:, 0].exp() * weights
    expected = float((mass * values)[mass > 0].sum())
    got = float(conditional(head, parameters).mean)
    if math.isfinite(got) and not abs(got - expected) < 1e-2 * max(1.0, abs(expected)):
        raise CheckFailed(f"the mean is said to be {got:g}, the probabilities give {expected:g}")


def begins_at_marginals(subject: Subject) -> None:
    """``marginal``, where it is written, gives finite parameters for every coefficient."""
    head: Head = subject.make()
    found = head.marginal_parameters(values_of(head, (50, 2, 3), 0))
    if found is not None and (tuple(found.shape) != (2, 3, head.parameter_count) or not found.isfinite().all()):
        raise CheckFailed(
            f"marginal gives {tuple(found.shape)}, finite parameters (2, 3, {head.parameter_count}) wanted"
        )


def fits_what_it_says(subject: Subject) -> None:
    """The options of ``fitting`` make a head that takes the values they were made for."""
    values = values_of(subject.make(), (200, 2), 0)
    options = subject.part.options_for(values)
    if options is not None:
        subject.part(**options).check(values)


def _mass(head: Head, drawn: Parameters) -> tuple[Tensor, float]:
    parameters = drawn.of(head, 20 if enumerable(head) else 4)
    tolerance = OF_LEVELS[drawn.dtype] if enumerable(head) else OF_DENSITY
    total = torch.zeros(len(parameters))
    # a density narrower than the points lie apart needs more of them
    for step in (0.005, 0.0005):
        values, weights = grid(head, step)
        nats = conditional(head, parameters).log_prob(values.to(drawn.dtype)[:, None])
        total = (nats.double().exp() * weights[:, None]).sum(0)
        if (total - 1).abs().max() < tolerance or head.support.is_discrete:
            break
    return total, tolerance
