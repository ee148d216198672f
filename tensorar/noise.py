"""Samples as functions of noise drawn in advance, so that every way to sample gives the same ones."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, MixtureSameFamily, TransformedDistribution


def noise_size(distribution: Distribution) -> int | None:
    """How many uniform numbers make one sample, or None where no such function is known (rejection samplers).

    >>> noise_size(Bernoulli(torch.tensor(0.5))), noise_size(Categorical(torch.ones(5)))
    (1, 5)
    """
    if isinstance(distribution, Bernoulli):
        return 1
    if isinstance(distribution, Categorical):
        return distribution.logits.shape[-1]
    if isinstance(distribution, MixtureSameFamily):
        of_component = noise_size(distribution.component_distribution)
        return None if of_component is None else 1 + of_component
    return 1 if _has_icdf(distribution) else None


def draw_from(distribution: Distribution, noise: Float[Tensor, "*batch k"]) -> Float[Tensor, "..."]:
    """A sample from ``noise_size(distribution)`` numbers each (broadcast to its shape), uniform in (0, 1).

    The inverse of the distribution function, Gumbel's maximum for categories, and for a mixture first the component.
    """
    if isinstance(distribution, Bernoulli):
        return (noise[..., 0] < distribution.probs).to(noise.dtype)
    if isinstance(distribution, Categorical):
        return (distribution.logits - (-noise.log()).log()).argmax(-1).to(noise.dtype)
    if isinstance(distribution, MixtureSameFamily):
        component = ordinal(distribution.mixture_distribution.probs, noise[..., 0])
        drawn = draw_from(distribution.component_distribution, noise[..., 1:].unsqueeze(-2))
        return drawn.gather(-1, component.unsqueeze(-1)).squeeze(-1)
    return distribution.icdf(noise[..., 0])


def ordinal(probabilities: Float[Tensor, "*batch levels"], noise: Float[Tensor, "*batch"]) -> Tensor:
    """The level at which the sum of the probabilities up to it first exceeds the noise: the inverse of the CDF."""
    # the last sum is 1 but for rounding, and noise may come between the two
    return (probabilities.cumsum(-1)[..., :-1] <= noise.unsqueeze(-1)).sum(-1)


def uniform(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Float[Tensor, "..."]:
    """Uniform numbers in (0, 1), never 0, from torch's global generator; in order of their place in the tensor."""
    return torch.rand(shape, dtype=dtype, device=device).clamp_(min=torch.finfo(dtype).eps / 4)


def _has_icdf(distribution: Distribution) -> bool:
    if isinstance(distribution, TransformedDistribution):
        return _has_icdf(distribution.base_dist)
    return type(distribution).icdf is not Distribution.icdf
