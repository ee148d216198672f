"""What a head must be: a distribution over its support, values in and out of it, something finite for a net to see."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.testing.cases import Subject
from tensorar.testing.check import LEVEL, CheckFailed, for_all
from tensorar.testing.oracles import p_value, points_and_weights, support_values
from tensorar.testing.strategies import composite, values_of

DTYPES = (torch.float64, torch.float32)
# how far the mass may be from 1: of levels in either precision, of a density integrated by points
OF_LEVELS = {torch.float64: 1e-9, torch.float32: 1e-4}
OF_DENSITY = 2e-3
# counts are looked at up to here
FAR = 2**16


@dataclass(frozen=True)
class _Parameters:
    spread: float
    seed: int
    dtype: torch.dtype

    @property
    def words(self) -> str:
        return f"parameters of about {self.spread:g}, {self.dtype}"

    def of(self, head: Head, *shape: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(*shape, head.parameter_count, generator=generator, dtype=torch.float64)
        return (self.spread * drawn).to(self.dtype)


@composite
def _parameters(draw: st.DrawFn, spreads: tuple[float, ...], dtypes: tuple[torch.dtype, ...] = DTYPES) -> _Parameters:
    return _Parameters(draw(st.sampled_from(spreads)), draw(st.integers(0, 2**16)), draw(st.sampled_from(dtypes)))


def sums_to_one(subject: Subject) -> None:
    """The probabilities of all values sum to 1, a density integrates to 1."""
    head: Head = subject.make()

    def test(drawn: _Parameters) -> None:
        total, tolerance = _mass(head, drawn)
        worst = int((total - 1).abs().argmax())
        if not abs(total[worst].item() - 1) < tolerance:
            raise CheckFailed(f"the probabilities sum to {total[worst].item():.9g}")

    spreads, dtypes = ((1.0, 0.1, 3.0, 10.0), DTYPES) if _enumerable(head) else ((1.0, 0.1), DTYPES[:1])
    for_all(_parameters(spreads, dtypes), test, examples=subject.profile.examples)


def samples_in_the_support(subject: Subject) -> None:
    """What is drawn has a probability: it is in the support, in either precision, however extreme the parameters."""
    head: Head = subject.make()

    def test(drawn: _Parameters) -> None:
        samples = _of(head, drawn.of(head, 50)).sample((20,))
        if samples.shape != (20, 50):
            raise CheckFailed(f"samples of shape (20, 50) are wanted, {tuple(samples.shape)} came")
        outside = ~(head.support.check(samples) & samples.isfinite())
        if outside.any():
            raise CheckFailed(f"{samples[outside][0].item():.9g} was drawn, which is not in the support")

    for_all(_parameters((1.0, 0.1, 30.0, 1000.0)), test, examples=2 * subject.profile.examples)


def samples_follow_log_prob(subject: Subject) -> None:
    """Samples are as frequent as they are probable: a chi-square or Kolmogorov-Smirnov test at the level 1e-4."""
    head: Head = subject.make()
    for seed in range(3):
        distribution = _of(head, _Parameters(1.0, seed, torch.float64).of(head))
        torch.manual_seed(seed)
        samples = distribution.sample((subject.profile.draws,))
        if head.support.is_discrete:
            _require_counts(head, distribution, samples)
        else:
            _require_density(head, distribution, samples)


def samples_follow_the_random_state(subject: Subject) -> None:
    """Torch's random state decides what is drawn, and nothing else: samples can be drawn again."""
    head: Head = subject.make()
    distribution = _of(head, _Parameters(0.1, 0, torch.float64).of(head, 100))

    def draw(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return distribution.sample((4,))

    if not torch.equal(draw(0), draw(0)):
        raise CheckFailed("the same random state of torch draws other samples")
    if torch.equal(draw(0), draw(1)):
        raise CheckFailed("another random state of torch draws the same samples")


def extreme_parameters_are_finite(subject: Subject) -> None:
    """Whatever the parameters, likelihoods and their slopes are finite."""
    head: Head = subject.make()
    for dtype in DTYPES:
        for size in (1e1, 1e2, 1e4):
            parameters = (_Parameters(1.0, 0, dtype).of(head, 200).sign() * size).requires_grad_()
            nats = _of(head, parameters).log_prob(values_of(head, (200,), 0).to(dtype))
            (slopes,) = torch.autograd.grad(nats.sum(), parameters)
            for what, numbers in (("log-likelihood", nats), ("slope", slopes)):
                if not numbers.isfinite().all():
                    bad = numbers[~numbers.isfinite()][0].item()
                    raise CheckFailed(f"a {what} is {bad} for parameters of size {size:g} in {dtype}")


def extreme_values_are_finite(subject: Subject) -> None:
    """Values at the ends of the support have a finite likelihood, and show a network finite features."""
    head: Head = subject.make()
    for dtype in DTYPES:
        values = _extremes(head).to(dtype)
        values = values[head.support.check(values)]
        parameters = _Parameters(1.0, 0, dtype).of(head, 20, 1).expand(20, len(values), -1)
        nats, features = _of(head, parameters).log_prob(values.expand(20, -1)), head.encode(values)
        for what, numbers in (("log-likelihood", nats), ("feature", features.mT)):
            wrong = ~numbers.isfinite()
            if wrong.any():
                value = values.expand(numbers.shape)[wrong][0].item()
                raise CheckFailed(f"a {what} of the value {value:.9g} is {numbers[wrong][0].item()} in {dtype}")


def every_parameter_gets_gradient(subject: Subject) -> None:
    """The likelihood depends on each of the parameters."""
    head: Head = subject.make()
    parameters = _Parameters(1.0, 0, torch.float64).of(head, 100).requires_grad_()
    nats = _of(head, parameters).log_prob(values_of(head, (100,), 1))
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
    parameters, values = _Parameters(1.0, 0, torch.float64).of(head, 5, 2, 3), values_of(head, (5, 2, 3), 0)
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
    values, parameters = values_of(head, (4, 3), 0), _Parameters(1.0, 0, torch.float64).of(head, 4, 3)
    kept = values.clone(), parameters.clone()
    head.encode(values)
    distribution = _of(head, parameters)
    distribution.log_prob(values)
    distribution.sample()
    if not torch.equal(values, kept[0]) or not torch.equal(parameters, kept[1]):
        raise CheckFailed("values or parameters were changed in place")


def precision_is_kept(subject: Subject) -> None:
    """Likelihoods and samples have the dtype of the parameters; float32 agrees with float64."""
    head: Head = subject.make()
    values = values_of(head, (200,), 0).float()
    double = _Parameters(1.0, 0, torch.float32).of(head, 200).double()
    one, other = (_of(head, parameters).log_prob(values.to(parameters)) for parameters in (double.float(), double))
    sample = _of(head, double.float()).sample()
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
    parameters = _Parameters(0.3, 0, torch.float64).of(head)
    values, weights = _grid(head)
    mass = _of(head, parameters.expand(1, -1)).log_prob(values[:, None])[:, 0].exp() * weights
    expected = float((mass * values)[mass > 0].sum())
    got = float(_of(head, parameters).mean)
    if math.isfinite(got) and not abs(got - expected) < 1e-2 * max(1.0, abs(expected)):
        raise CheckFailed(f"the mean is said to be {got:g}, the probabilities give {expected:g}")


def begins_at_marginals(subject: Subject) -> None:
    """``marginal``, where it is written, gives finite parameters for every coefficient."""
    head: Head = subject.make()
    found = head.marginal(values_of(head, (50, 2, 3), 0))
    if found is not None and (tuple(found.shape) != (2, 3, head.parameter_count) or not found.isfinite().all()):
        raise CheckFailed(f"marginal gives {tuple(found.shape)}, finite parameters (2, 3, {head.parameter_count}) wanted")


def fits_what_it_says(subject: Subject) -> None:
    """The options of ``fitting`` make a head that takes the values they were made for."""
    values = values_of(subject.make(), (200, 2), 0)
    options = subject.part.fitting(values)
    if options is not None:
        subject.part(**options).check(values)


# --- what the checks share -------------------------------------------------------------------------------------------


def _of(head: Head, parameters: Tensor) -> Distribution:
    # as a model asks for it: coefficients are named
    return head.distribution(parameters, torch.zeros(parameters.shape[:-1], dtype=torch.long))


def _enumerable(head: Head) -> bool:
    return support_values(head) is not None


def _grid(head: Head, step: float = 0.005) -> tuple[Tensor, Tensor]:
    """Values with their weights: those of the support, counts up to a large one, or points to integrate over."""
    known = support_values(head)
    if known is None and head.support.is_discrete:
        known = float(getattr(head.support, "lower_bound", 0)) + torch.arange(FAR, dtype=torch.float64)
    if known is not None:
        return known, torch.ones_like(known)
    return points_and_weights(head, step=step)


def _mass(head: Head, drawn: _Parameters) -> tuple[Tensor, float]:
    parameters = drawn.of(head, 20 if _enumerable(head) else 4)
    tolerance = OF_LEVELS[drawn.dtype] if _enumerable(head) else OF_DENSITY
    total = torch.zeros(len(parameters))
    # a density narrower than the points lie apart needs more of them
    for step in (0.005, 0.0005):
        values, weights = _grid(head, step)
        nats = _of(head, parameters).log_prob(values.to(drawn.dtype)[:, None])
        total = (nats.double().exp() * weights[:, None]).sum(0)
        if (total - 1).abs().max() < tolerance or head.support.is_discrete:
            break
    return total, tolerance


def _require_counts(head: Head, distribution: Distribution, samples: Tensor) -> None:
    values, _ = _grid(head)
    values = values[: max(2, min(len(values), 1000))]
    lowest = int(values[0])
    counts = (samples.long() - lowest).clamp(0, len(values)).bincount(minlength=len(values) + 1)
    probability = distribution.log_prob(values).exp()
    rest = (1 - probability.sum()).clamp(min=0)
    level = p_value(counts, torch.cat([probability, torch.where(rest > 1e-9, rest, 0.0)[None]]))
    if level < LEVEL:
        worst = int((counts[:-1] / len(samples) - probability).abs().argmax())
        raise CheckFailed(
            f"{lowest + worst} was drawn {int(counts[worst])} times of {len(samples)}, its probability is"
            f" {probability[worst].item():.4f} (chi-square test, p = {level:.1g})"
        )


def _require_density(head: Head, distribution: Distribution, samples: Tensor) -> None:
    draws, (points, weights) = len(samples), _grid(head)
    repeated = draws - len(samples.unique())
    if repeated > 0.05 * draws:
        raise CheckFailed(f"{repeated} of {draws} samples of a density are repeated: they lie on a grid")
    samples = samples.sort().values
    mass = distribution.log_prob(points).exp() * weights
    cdf = mass.cumsum(0) - mass / 2
    at = torch.searchsorted(points, samples).clamp(max=len(points) - 1)
    gap = (cdf[at] - (torch.arange(draws) + 0.5) / draws).abs()
    # the second term for what lies between two points
    if gap.max() > math.sqrt(math.log(2 / LEVEL) / (2 * draws)) + 0.004:
        worst = int(gap.argmax())
        raise CheckFailed(
            f"{(worst + 0.5) / draws:.3f} of the samples lie below {samples[worst].item():.4g}, by the density"
            f" {cdf[at][worst].item():.3f} (Kolmogorov-Smirnov test at the level {LEVEL:g})"
        )


def _extremes(head: Head) -> Tensor:
    known = support_values(head)
    if known is not None:
        return known[[0, -1]]
    low, high = (getattr(head.support, name, None) for name in ("lower_bound", "upper_bound"))
    if head.support.is_discrete:
        return float(low or 0) + torch.tensor([0.0, 1.0, 1e2, 1e4], dtype=torch.float64)
    if low is None:
        return torch.tensor([-1e6, -1e3, 0.0, 1e3, 1e6], dtype=torch.float64)
    if high is None:
        return low + torch.tensor([1e-6, 1e-3, 1.0, 1e3, 1e6], dtype=torch.float64)
    return low + (high - low) * torch.tensor([1e-6, 1e-3, 0.5, 0.999, 1 - 1e-6], dtype=torch.float64)
