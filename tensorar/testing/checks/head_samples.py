"""Samples of a head: in the support, distributed as ``log_prob``, and determined by the noise."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.noise import uniform
from tensorar.testing.generate.head_inputs import DTYPES, Parameters, conditional, shifted_blocks
from tensorar.testing.generate.head_options import coefficients_of, small_and_default, variants
from tensorar.testing.oracles import SIGNIFICANCE, p_value
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.quadrature import listed_values, masses, resolvable
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed
from tensorar.utils.random_state import seed_all

# cells of the probability integral transform, narrow in the tails
CELLS = (0.0, 0.002, 0.01, 0.05, *(i / 10 for i in range(1, 10)), 0.95, 0.99, 0.998, 1.0)
# standard deviations of parameters: some distributions are narrow or wide, or far from zero
SAMPLED_SPREADS = (1.0, 1.0, 0.3, 3.0, 10.0)
# an offset of some of the parameters that makes the distribution narrow, wide or distant
SHIFT = 8.0
# more draws than are compared at once, of which some repeat others
BATCH = 200


@check("head", by_kind=True)
def samples_in_the_support(part: PartUnderTest) -> None:
    """Samples are in the support, in both dtypes and for extreme parameters."""
    for variant in variants(part):
        for dtype in DTYPES:
            for spread in (0.1, 1.0, 30.0, 1000.0, 1e6):
                parameters = Parameters(spread, 0, dtype).of(variant.head, 50)
                for samples in _samples(variant.head, parameters, 20):
                    where = f"({variant.description}, parameters of standard deviation {spread:g}, {dtype})"
                    _require_inside(variant.head, samples, (50,), where)


@check("head", by_kind=True)
def samples_follow_log_prob(part: PartUnderTest) -> None:
    """Samples follow ``log_prob``, narrow or wide, in the tails too, for every coefficient (chi-square, KS tests)."""
    for small, variant in enumerate(small_and_default(part)):
        head, known = variant.head, coefficients_of(part).tolist()
        for seed, spread in enumerate(SAMPLED_SPREADS[: 3 if small else None]):
            coefficient = known[seed % len(known)]
            parameters = _resolvable_parameters(head, spread, seed, coefficient)
            if parameters is not None:
                where = f"{variant.description}, parameters of standard deviation {spread:g}"
                _require_samples(head, parameters, part.profile.draws, coefficient, where)
        for shift in () if small else (-SHIFT, SHIFT):
            for parameters in shifted_blocks(Parameters(0.5, 0, torch.float64).of(head), shift):
                where = f"{variant.description}, some parameters shifted by {shift:g}"
                _require_samples(head, parameters, part.profile.draws // 4, 0, where)


@check("head", by_kind=True)
def samples_follow_the_random_state(part: PartUnderTest) -> None:
    """Torch's random state determines samples, so that they can be reproduced."""
    head: Head = part.instance
    parameters = Parameters(0.1, 0, torch.float64).of(head, 100)

    def draw(seed: int) -> list[Tensor]:
        seed_all(seed)
        return list(_samples(head, parameters, 4))

    for one, again, other in zip(draw(0), draw(0), draw(1), strict=True):
        if not torch.equal(one, again):
            raise CheckFailed("the same random state gives other samples")
        if torch.equal(one, other):
            raise CheckFailed("another random state gives the same samples")


@check("head", by_kind=True)
def any_noise_gives_a_value(part: PartUnderTest) -> None:
    """``draw`` maps noise close to 0 and 1 into the support, for each coefficient separately, in large batches too."""
    head: Head = part.instance
    for dtype in DTYPES:
        n = 70 if head.draws_one_by_one else BATCH
        parameters, finfo = Parameters(1.0, 0, dtype).of(head, n), torch.finfo(dtype)
        index = torch.zeros(n, dtype=torch.long)
        for u in (finfo.eps / 4, 0.5, 1 - finfo.eps / 2):
            noise = torch.full((20, head.noise_size), u, dtype=dtype)
            for size in (1.0, 30.0):
                drawn = head.draw(size * parameters[:20], noise, index[:20])
                _require_inside(head, drawn, (20,), f"from noise {u} in {dtype}")
        noise = uniform((n, head.noise_size), dtype, torch.device("cpu"))
        together = head.draw(parameters, noise, index)
        for some in (slice(0, 1), slice(n - 3, n)):
            alone = head.draw(parameters[some], noise[some], index[some])
            if not torch.allclose(together[some], alone):
                raise CheckFailed(f"the same noise and parameters give another value alone than in a batch of {n}")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _samples(head: Head, parameters: Tensor, n: int, coefficient: int = 0) -> Iterator[Tensor]:
    """Samples of the distribution, and values drawn from noise (few if these are drawn one by one)."""
    yield conditional(head, parameters, torch.full(parameters.shape[:-1], coefficient)).sample((n,))
    shape = (draws_of(head, n), *parameters.shape[:-1])
    noise = uniform((*shape, head.noise_size), parameters.dtype, parameters.device)
    yield head.draw(parameters.expand(*shape, -1), noise, torch.full(shape, coefficient))


def draws_of(head: Head, draws: int) -> int:
    """The number of samples to draw from noise: a tenth for heads that draw one by one, which is slow."""
    return max(1, draws // 10) if head.draws_one_by_one else draws


def _resolvable_parameters(head: Head, spread: float, seed: int, coefficient: int) -> Tensor | None:
    """Parameters of a distribution whose masses can be computed, None if there are none among a few."""
    parameters = Parameters(spread, seed, torch.float64).of(head, 20)
    samples = conditional(head, parameters, torch.full((20,), coefficient)).sample((1000,))
    good = resolvable(head, samples).nonzero()
    if len(good):
        return parameters[int(good[0])]
    # samples that repeat at an end of the support are no matter of rounding near zero
    return parameters[0] if spread < 1 else None


def _require_samples(head: Head, parameters: Tensor, draws: int, coefficient: int, where: str) -> None:
    """Require that samples of the distribution and those drawn from noise follow ``log_prob``, if it is resolved."""
    seed_all(0)
    for samples in _samples(head, parameters, draws, coefficient):
        if not resolvable(head, samples[:, None]).all() and not where.endswith("0.3"):
            continue
        try:
            _require_frequencies(head, parameters, samples, coefficient)
        except CheckFailed as failed:
            raise CheckFailed(f"{failed} ({where}, coefficient {coefficient})") from None


def _require_inside(head: Head, samples: Tensor, shape: tuple[int, ...], where: str) -> None:
    if tuple(samples.shape[-len(shape) :]) != shape:
        raise CheckFailed(f"expected samples of shape {shape}, got {tuple(samples.shape)}")
    supported = head.supports(samples.double(), torch.zeros(shape, dtype=torch.long))
    outside = ~(head.support.check(samples) & supported)
    if outside.any():
        raise CheckFailed(f"{samples[outside][0].item():.9g} was drawn, which is not in the support {where}")


def _require_frequencies(head: Head, parameters: Tensor, samples: Tensor, coefficient: int) -> None:
    if listed_values(head) is not None:
        _require_counts(head, parameters, samples, coefficient)
        return
    if not head.support.is_discrete:
        _require_few_repeated(head, samples)
    index = torch.full((1,), coefficient)
    distribution = conditional(head, parameters[None], index)
    samples = samples.double()[:, None].sort(0).values
    found = masses(head, distribution, samples)
    below, above = found.below(samples), found.below(_next(head, samples))
    # a value with a probability of its own is spread evenly over it
    transformed = (below + torch.rand(below.shape, dtype=torch.float64) * (above - below))[:, 0]
    _require_uniform(transformed, samples[:, 0])


def _next(head: Head, samples: Tensor) -> Tensor:
    """The next value after one that has a probability of its own, the same value for others."""
    if head.support.is_discrete:
        return samples + 1
    atoms = torch.tensor(head.point_masses, dtype=torch.float64)
    at_atom = (samples[..., None] == atoms).any(-1)
    return torch.where(at_atom, samples.nextafter(torch.tensor(torch.inf, dtype=torch.float64)), samples)


def _require_uniform(transformed: Tensor, samples: Tensor) -> None:
    """Require that the probabilities of smaller values are uniform, by cells narrow in the tails, and by KS."""
    draws = len(transformed)
    cells = torch.tensor(CELLS, dtype=torch.float64)
    place = torch.searchsorted(cells, transformed.clamp(1e-12, 1 - 1e-12).contiguous()) - 1
    counts, probability = place.bincount(minlength=len(cells) - 1), cells.diff()
    level = p_value(counts, probability)
    if level < SIGNIFICANCE / 10:
        worst = int(((counts - draws * probability) ** 2 / probability).argmax())
        raise CheckFailed(
            f"{int(counts[worst])} of {draws} samples lie where the probability of smaller values is"
            f" {CELLS[worst]:g} to {CELLS[worst + 1]:g} (chi-square test, p = {level:.1g})"
        )
    ascending, order = transformed.sort()
    gap = (ascending - (torch.arange(draws) + 0.5) / draws).abs()
    if gap.max() > math.sqrt(math.log(20 / SIGNIFICANCE) / (2 * draws)) + 0.5 / draws:
        worst = int(gap.argmax())
        raise CheckFailed(
            f"{(worst + 0.5) / draws:.3f} of the samples lie below {samples[order[worst]].item():.6g}, by the"
            f" probabilities {ascending[worst].item():.3f} (Kolmogorov-Smirnov test)"
        )


def _require_few_repeated(head: Head, samples: Tensor) -> None:
    single = samples[(samples[:, None] != torch.tensor(head.point_masses, dtype=samples.dtype)).all(1)]
    values, counts = single.unique(return_counts=True)
    if len(single) - len(values) > 0.05 * len(samples):
        atom = values[counts.argmax()].item()
        raise CheckFailed(
            f"{len(single) - len(values)} of {len(samples)} samples of a density are repeated, {atom:g} most often"
            f" (if it has a probability, declare point_masses = ({atom:g},))"
        )


def _require_counts(head: Head, parameters: Tensor, samples: Tensor, coefficient: int) -> None:
    values = listed_values(head)
    assert values is not None
    lowest = int(values[0])
    counts = (samples.long() - lowest).clamp(0, len(values) - 1).bincount(minlength=len(values))
    index = torch.full((1,), coefficient)
    probability = conditional(head, parameters[None], index).log_prob(values[:, None])[:, 0].exp()
    level = p_value(counts, probability)
    if level < SIGNIFICANCE:
        worst = int((counts / len(samples) - probability).abs().argmax())
        raise CheckFailed(
            f"{lowest + worst} was drawn {int(counts[worst])} times of {len(samples)}, its probability is"
            f" {probability[worst].item():.4f} (chi-square test, p = {level:.1g})"
        )
