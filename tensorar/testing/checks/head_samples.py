"""Samples of a head: in the support, distributed as ``log_prob``, and determined by the noise."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.noise import uniform
from tensorar.testing.generate.head_inputs import DTYPES, Parameters, conditional, grid, parameters
from tensorar.testing.oracles import SIGNIFICANCE, p_value
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed


@check("head")
def samples_in_the_support(part: PartUnderTest) -> None:
    """Samples are in the support, in both dtypes and for extreme parameters."""
    head: Head = part.instance

    def test(drawn: Parameters) -> None:
        for samples in _samples(head, drawn.of(head, 50), 20):
            _require_inside(head, samples, (50,))

    for_all(parameters((1.0, 0.1, 30.0, 1000.0)), test, examples=2 * part.profile.examples)


@check("head")
def samples_follow_log_prob(part: PartUnderTest) -> None:
    """Samples follow ``log_prob`` (chi-square or Kolmogorov-Smirnov test, significance 1e-4)."""
    head: Head = part.instance
    for seed in range(3):
        parameters = Parameters(1.0, seed, torch.float64).of(head)
        distribution = conditional(head, parameters)
        torch.manual_seed(seed)
        for samples in _samples(head, parameters, part.profile.draws):
            if head.support.is_discrete:
                _require_counts(head, distribution, samples)
            else:
                _require_density(head, distribution, samples)


@check("head")
def samples_follow_the_random_state(part: PartUnderTest) -> None:
    """Torch's random state determines samples, so that they can be reproduced."""
    head: Head = part.instance
    parameters = Parameters(0.1, 0, torch.float64).of(head, 100)

    def draw(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return list(_samples(head, parameters, 4))

    for one, again, other in zip(draw(0), draw(0), draw(1), strict=True):
        if not torch.equal(one, again):
            raise CheckFailed("the same random state gives other samples")
        if torch.equal(one, other):
            raise CheckFailed("another random state gives the same samples")


@check("head")
def any_noise_gives_a_value(part: PartUnderTest) -> None:
    """``draw`` maps noise close to 0 and 1 into the support, for each coefficient separately."""
    head: Head = part.instance
    for dtype in DTYPES:
        parameters, finfo = Parameters(1.0, 0, dtype).of(head, 20), torch.finfo(dtype)
        for u in (finfo.eps / 4, 0.5, 1 - finfo.eps / 2):
            noise = torch.full((20, head.noise_size), u, dtype=dtype)
            _require_inside(
                head, head.draw(parameters, noise, torch.zeros(20, dtype=torch.long)), (20,), f" from noise {u}"
            )
        noise = uniform((20, head.noise_size), dtype, torch.device("cpu"))
        together = head.draw(parameters, noise, torch.zeros(20, dtype=torch.long))
        alone = head.draw(parameters[:1], noise[:1], torch.zeros(1, dtype=torch.long))
        if not torch.allclose(together[:1], alone):
            raise CheckFailed("the same noise and parameters give another value alone than in a batch")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _samples(head: Head, parameters: Tensor, n: int) -> Iterator[Tensor]:
    """Samples of the distribution, and values drawn from noise (few if these are drawn one by one)."""
    yield conditional(head, parameters).sample((n,))
    shape = (draws_of(head, n), *parameters.shape[:-1])
    noise = uniform((*shape, head.noise_size), parameters.dtype, parameters.device)
    yield head.draw(parameters.expand(*shape, -1), noise, torch.zeros(shape, dtype=torch.long))


def draws_of(head: Head, draws: int) -> int:
    """The number of samples to draw from noise: a tenth for heads that draw one by one, which is slow."""
    return max(1, draws // 10) if head.draws_one_by_one else draws


def _require_inside(head: Head, samples: Tensor, shape: tuple[int, ...], source: str = "") -> None:
    if tuple(samples.shape[-len(shape) :]) != shape:
        raise CheckFailed(f"expected samples of shape {shape}, got {tuple(samples.shape)}")
    outside = ~(head.support.check(samples) & samples.isfinite())
    if outside.any():
        raise CheckFailed(f"{samples[outside][0].item():.9g} was drawn{source}, which is not in the support")


def _require_counts(head: Head, distribution: Distribution, samples: Tensor) -> None:
    values, _ = grid(head)
    values = values[: max(2, min(len(values), 1000))]
    lowest = int(values[0])
    counts = (samples.long() - lowest).clamp(0, len(values)).bincount(minlength=len(values) + 1)
    probability = distribution.log_prob(values).exp()
    rest = (1 - probability.sum()).clamp(min=0)
    level = p_value(counts, torch.cat([probability, torch.where(rest > 1e-9, rest, 0.0)[None]]))
    if level < SIGNIFICANCE:
        worst = int((counts[:-1] / len(samples) - probability).abs().argmax())
        raise CheckFailed(
            f"{lowest + worst} was drawn {int(counts[worst])} times of {len(samples)}, its probability is"
            f" {probability[worst].item():.4f} (chi-square test, p = {level:.1g})"
        )


def _require_density(head: Head, distribution: Distribution, samples: Tensor) -> None:
    draws, (points, weights) = len(samples), grid(head, step=0.0005)
    repeated = draws - len(samples.unique())
    if repeated > 0.05 * draws:
        raise CheckFailed(f"{repeated} of {draws} samples of a density are repeated")
    samples = samples.sort().values
    mass = distribution.log_prob(points).exp() * weights
    cdf = mass.cumsum(0) - mass / 2
    at = torch.searchsorted(points, samples).clamp(max=len(points) - 1)
    gap = (cdf[at] - (torch.arange(draws) + 0.5) / draws).abs()
    # 0.004 for the distance between two points of the grid
    if gap.max() > math.sqrt(math.log(2 / SIGNIFICANCE) / (2 * draws)) + 0.004:
        worst = int(gap.argmax())
        raise CheckFailed(
            f"{(worst + 0.5) / draws:.3f} of the samples lie below {samples[worst].item():.4g}, by the density"
            f" {cdf[at][worst].item():.3f} (Kolmogorov-Smirnov test, significance {SIGNIFICANCE:g})"
        )
