"""What is drawn from a head: in the support, as often as it is probable, and decided by the noise alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.noise import uniform
from tensorar.testing.check import LEVEL, CheckFailed, for_all
from tensorar.testing.generate.cases import Subject
from tensorar.testing.generate.head_inputs import DTYPES, Parameters, conditional, grid, parameters
from tensorar.testing.oracles import p_value


def samples_in_the_support(subject: Subject) -> None:
    """What is drawn has a probability: it is in the support, in either precision, however extreme the parameters."""
    head: Head = subject.make()

    def test(drawn: Parameters) -> None:
        for samples in _drawn(head, drawn.of(head, 50), 20):
            _require_inside(head, samples, (20, 50))

    for_all(parameters((1.0, 0.1, 30.0, 1000.0)), test, examples=2 * subject.profile.examples)


def samples_follow_log_prob(subject: Subject) -> None:
    """Samples are as frequent as they are probable: a chi-square or Kolmogorov-Smirnov test at the level 1e-4."""
    head: Head = subject.make()
    for seed in range(3):
        of_one = Parameters(1.0, seed, torch.float64).of(head)
        distribution = conditional(head, of_one)
        torch.manual_seed(seed)
        for samples in _drawn(head, of_one, subject.profile.draws):
            if head.support.is_discrete:
                _require_counts(head, distribution, samples)
            else:
                _require_density(head, distribution, samples)


def samples_follow_the_random_state(subject: Subject) -> None:
    """Torch's random state decides what is drawn, and nothing else: samples can be drawn again."""
    head: Head = subject.make()
    of_many = Parameters(0.1, 0, torch.float64).of(head, 100)

    def draw(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return list(_drawn(head, of_many, 4))

    for one, again, other in zip(draw(0), draw(0), draw(1), strict=True):
        if not torch.equal(one, again):
            raise CheckFailed("the same random state of torch draws other samples")
        if torch.equal(one, other):
            raise CheckFailed("another random state of torch draws the same samples")


def any_noise_gives_a_value(subject: Subject) -> None:
    """``draw`` turns numbers next to 0 and to 1 into finite values of the support, each coefficient's from its own."""
    head: Head = subject.make()
    for dtype in DTYPES:
        of_many, finfo = Parameters(1.0, 0, dtype).of(head, 20), torch.finfo(dtype)
        for u in (finfo.eps / 4, 0.5, 1 - finfo.eps / 2):
            noise = torch.full((20, head.noise_size), u, dtype=dtype)
            _require_inside(head, head.draw(of_many, noise, torch.zeros(20, dtype=torch.long)), (20,), f" of noise {u}")
        noise = uniform((20, head.noise_size), dtype, torch.device("cpu"))
        together = head.draw(of_many, noise, torch.zeros(20, dtype=torch.long))
        alone = head.draw(of_many[:1], noise[:1], torch.zeros(1, dtype=torch.long))
        if not torch.allclose(together[:1], alone):
            raise CheckFailed("the same noise and parameters give another value alone than among others")


# --- what the checks share -------------------------------------------------------------------------------------------


def _drawn(head: Head, of_some: Tensor, n: int) -> Iterator[Tensor]:
    """Samples of the distribution, and those that a model draws from noise where the head knows how."""
    yield conditional(head, of_some).sample((n,))
    shape = (n, *of_some.shape[:-1])
    noise = uniform((*shape, head.noise_size), of_some.dtype, of_some.device)
    yield head.draw(of_some.expand(*shape, -1), noise, torch.zeros(shape, dtype=torch.long))


def _require_inside(head: Head, samples: Tensor, shape: tuple[int, ...], how: str = "") -> None:
    if tuple(samples.shape) != shape:
        raise CheckFailed(f"samples of shape {shape} are wanted, {tuple(samples.shape)} came")
    outside = ~(head.support.check(samples) & samples.isfinite())
    if outside.any():
        raise CheckFailed(f"{samples[outside][0].item():.9g} was drawn{how}, which is not in the support")


def _require_counts(head: Head, distribution: Distribution, samples: Tensor) -> None:
    values, _ = grid(head)
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
    draws, (points, weights) = len(samples), grid(head, step=0.0005)
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
