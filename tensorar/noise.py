"""Samples as functions of noise drawn in advance: every sampling method maps the same noise to the same samples.

Each family of distributions has one entry in ``noise_size`` and one in ``draw_from``; register others with
``noise_size.register`` and ``draw_from.register``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Distribution,
    Gamma,
    MixtureSameFamily,
    NegativeBinomial,
    Poisson,
    StudentT,
    TransformedDistribution,
)

from tensorar import variates
from tensorar.utils.precision import in_float64
from tensorar.utils.random_state import seeded

# uniform numbers that seed torch's sampler where no function from noise to values is known
SEED_SIZE = 2


@singledispatch
def noise_size(distribution: Distribution) -> int | None:
    """The number of uniform numbers that determine one sample; None if no such function is known.

    >>> noise_size(Bernoulli(torch.tensor(0.5))), noise_size(Categorical(torch.ones(5)))
    (1, 5)
    """
    return 1 if has_icdf(distribution) else None


@singledispatch
def draw_from(distribution: Distribution, noise: Float[Tensor, "*batch k"]) -> Float[Tensor, "..."]:
    """A sample from ``noise_size(distribution)`` numbers each (broadcast to its shape), uniform in (0, 1).

    The inverse CDF by default.
    """
    return distribution.icdf(noise[..., 0])


def draw_one_by_one(
    make: Callable[[Tensor, Tensor], Distribution],
    parameters: Float[Tensor, "*batch p"],
    noise: Float[Tensor, "*batch k"],
    coefficients: Int[Tensor, "..."],
) -> Float[Tensor, "*batch"]:
    """Values of distributions that ``make`` makes, by torch's own sampler, which the noise seeds for each of them."""
    shape = parameters.shape[:-1]
    values = parameters.new_empty(shape).flatten()
    of_each = (
        parameters.flatten(0, -2),
        variates.seeds(noise).flatten().tolist(),
        coefficients.expand(shape).flatten(),
    )
    for place, (of_one, seed, coefficient) in enumerate(zip(*of_each, strict=True)):
        with seeded(seed, parameters.device):
            values[place] = make(of_one, coefficient).sample()
    return values.reshape(shape)


def ordinal(probabilities: Float[Tensor, "*batch levels"], noise: Float[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
    """The first level at which the cumulative probability exceeds the noise: the inverse CDF."""
    # the last sum is 1 up to rounding, and the noise may lie between the two
    return (probabilities.cumsum(-1)[..., :-1] <= noise.unsqueeze(-1)).sum(-1)


def uniform(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Float[Tensor, "..."]:
    """Uniform numbers in (0, 1), never 0, from torch's global generator, in memory order."""
    return torch.rand(shape, dtype=dtype, device=device).clamp_(min=torch.finfo(dtype).eps / 4)


def draws_in_fixed_operations(distribution: Distribution) -> bool:
    """Whether ``draw_from`` carries out the same operations for all parameters and noise, as a CUDA graph must."""
    if isinstance(distribution, MixtureSameFamily):
        return draws_in_fixed_operations(distribution.component_distribution)
    if isinstance(distribution, TransformedDistribution):
        return draws_in_fixed_operations(distribution.base_dist)
    return not isinstance(distribution, Gamma | Beta | Poisson | NegativeBinomial)


def has_icdf(distribution: Distribution) -> bool:
    """Whether the distribution has an inverse CDF."""
    if isinstance(distribution, TransformedDistribution):
        return has_icdf(distribution.base_dist)
    return type(distribution).icdf is not Distribution.icdf


# --- families ---------------------------------------------------------------------------------------------------------


@noise_size.register
def _(distribution: Bernoulli) -> int:
    return 1


@draw_from.register
def _(distribution: Bernoulli, noise: Tensor) -> Tensor:
    return (noise[..., 0] < distribution.probs).to(noise.dtype)


@noise_size.register
def _(distribution: Categorical) -> int:
    return distribution.logits.shape[-1]


@draw_from.register
def _(distribution: Categorical, noise: Tensor) -> Tensor:
    # Gumbel's maximum treats all categories alike, whatever their numbers
    return (distribution.logits - (-noise.log()).log()).argmax(-1).to(noise.dtype)


@noise_size.register
def _(distribution: MixtureSameFamily) -> int | None:
    component = noise_size(distribution.component_distribution)
    return None if component is None else 1 + component


@draw_from.register
def _(distribution: MixtureSameFamily, noise: Tensor) -> Tensor:
    component = ordinal(distribution.mixture_distribution.probs, noise[..., 0])
    drawn = draw_from(distribution.component_distribution, noise[..., 1:].unsqueeze(-2))
    return drawn.gather(-1, component.unsqueeze(-1)).squeeze(-1)


@noise_size.register
def _(distribution: TransformedDistribution) -> int | None:
    return noise_size(distribution.base_dist)


@draw_from.register
def _(distribution: TransformedDistribution, noise: Tensor) -> Tensor:
    if has_icdf(distribution):
        quantile: Tensor = distribution.icdf(noise[..., 0])
        return quantile
    drawn = draw_from(distribution.base_dist, noise)
    for transform in distribution.transforms:
        drawn = transform(drawn)
    return drawn


@noise_size.register(StudentT)
@noise_size.register(Gamma)
@noise_size.register(Beta)
def _(distribution: Distribution) -> int:
    return 2


@draw_from.register
def _(distribution: StudentT, noise: Tensor) -> Tensor:
    return distribution.loc + distribution.scale * variates.student_t(distribution.df, noise).to(noise)


@draw_from.register
def _(distribution: Gamma, noise: Tensor) -> Tensor:
    drawn = variates.log_gamma(distribution.concentration, noise).exp().to(noise) / distribution.rate
    return drawn.clamp(min=torch.finfo(noise.dtype).tiny)


@draw_from.register
def _(distribution: Beta, noise: Tensor) -> Tensor:
    finfo = torch.finfo(noise.dtype)
    drawn = variates.beta(distribution.concentration1, distribution.concentration0, noise)
    return drawn.to(noise).clamp(finfo.tiny, 1 - finfo.eps / 2)


@noise_size.register
def _(distribution: Poisson) -> int:
    return 1


@draw_from.register
def _(distribution: Poisson, noise: Tensor) -> Tensor:
    return variates.poisson(distribution.rate, noise[..., 0]).to(noise)


@noise_size.register
def _(distribution: NegativeBinomial) -> int:
    return 3


@draw_from.register
def _(distribution: NegativeBinomial, noise: Tensor) -> Tensor:
    log_rate = variates.log_gamma(distribution.total_count, noise[..., 1:]) + in_float64(distribution.logits)
    return variates.poisson(log_rate.exp(), noise[..., 0]).to(noise)
