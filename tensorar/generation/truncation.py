"""Sharpened and truncated distributions: temperature, top-k and top-p. They are not the model's distribution.

``tempered`` has one entry per family of continuous distributions, with a default for those with an inverse CDF;
register others with ``tempered.register``. Discrete distributions of any family are enumerated.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import (
    Beta,
    Categorical,
    Distribution,
    LogNormal,
    MixtureSameFamily,
    Normal,
    StudentT,
    constraints,
)
from torch.distributions.constraints import Constraint

from tensorar.errors import SpecError
from tensorar.noise import has_icdf

# the maximum number of values enumerated for an unbounded count
MAX_VALUES = 2**16
# in nats: a value that is less likely than the most likely one by this much is left out
NEGLIGIBLE = 40.0


class Masses(NamedTuple):
    """The values of a discrete distribution, ``(values)`` or ``(*batch, values)``, and their log-probabilities."""

    values: Float[Tensor, "*batch values"]
    log_prob: Float[Tensor, "*batch values"]


def truncated(masses: Masses, temperature: float, top_k: int | None, top_p: float | None) -> Tensor:
    """Probabilities of the values: proportional to ``p ** (1 / temperature)``, of the most likely ones only.

    Kept are the ``top_k`` most likely values, and of these the fewest that together have at least the probability
    ``top_p`` (Holtzman et al. 2020, "The curious case of neural text degeneration"). Ties: the lower value.
    """
    # the largest first becomes 0: a low temperature must not overflow
    log_prob = masses.log_prob - masses.log_prob.amax(-1, keepdim=True)
    probabilities = (log_prob / temperature).softmax(-1)
    if top_k is None and top_p in (None, 1):
        return probabilities
    ordered, places = probabilities.sort(dim=-1, descending=True, stable=True)
    kept = torch.ones_like(ordered, dtype=torch.bool)
    if top_k is not None:
        kept[..., top_k:] = False
        ordered = ordered * kept
    if top_p is not None:
        ordered = ordered / ordered.sum(-1, keepdim=True)
        # the value that reaches top_p is kept: the sum of those before it is below
        kept &= ordered.cumsum(-1) - ordered < top_p
    mask = torch.zeros_like(kept).scatter(-1, places, kept)
    probabilities = torch.where(mask, probabilities, 0.0)
    return probabilities / probabilities.sum(-1, keepdim=True)


def masses_of(distribution: Distribution, support: Constraint, temperature: float = 1.0) -> Masses:
    """The values of a discrete distribution and their log-probabilities.

    Unbounded counts are enumerated as far as they are likely at the temperature. Raises ``SpecError`` if these are more
    than 65536 values.
    """
    if isinstance(distribution, Categorical):
        return Masses(torch.arange(distribution.logits.shape[-1]).to(distribution.logits), distribution.logits)
    # torch wraps the support of a mixture's components
    support = getattr(support, "base_constraint", support)
    low = int(getattr(support, "lower_bound", 0))
    # constraints.boolean names no bounds
    high = getattr(support, "upper_bound", 1 if support is constraints.boolean else None)
    if high is None:
        return _likely_counts(distribution, low, temperature)
    return _enumerated(distribution, torch.arange(low, int(high) + 1).to(distribution.mean))


def _enumerated(distribution: Distribution, values: Tensor) -> Masses:
    axes = values.reshape(-1, *[1] * len(distribution.batch_shape))
    return Masses(values, distribution.log_prob(axes).movedim(0, -1))


def _likely_counts(distribution: Distribution, low: int, temperature: float) -> Masses:
    """Windows of counts around the means, as wide as the likely counts of the widest distribution."""
    mean, deviation = distribution.mean, distribution.stddev * max(1.0, math.sqrt(temperature))
    if not bool((mean + deviation).isfinite().all()):
        raise SpecError(
            expected="counts with a finite mean and variance, for `temperature`, `top_k` or `top_p`",
            got="NaN or infinity",
            remedy="check the model's weights and contexts",
        )
    start = (mean - 10 * deviation - 10).floor().clamp(min=low)
    width = 64
    while width <= MAX_VALUES:
        values = start.unsqueeze(-1) + torch.arange(width).to(mean)
        log_prob = distribution.log_prob(values.movedim(-1, 0)).movedim(0, -1)
        last = values[..., -1] > mean
        if bool((last & (log_prob[..., -1] < log_prob.amax(-1) - NEGLIGIBLE * temperature)).all()):
            return Masses(values, log_prob)
        width *= 2
    raise SpecError(
        expected=f"counts with at most {MAX_VALUES} likely values, for `temperature`, `top_k` or `top_p`",
        got=f"a standard deviation of {float(deviation.max()):.3g}",
        remedy="use temperature=1.0, top_k=None, top_p=None",
    )


@singledispatch
def tempered(distribution: Distribution, temperature: float) -> Distribution:
    """A continuous distribution made narrower (below 1) or wider (above 1) by a temperature.

    Normal, log-normal and Student t distributions: the density proportional to ``p ** (1 / temperature)``. Beta
    distributions, where that may be improper: the concentrations divided by the temperature, which keeps the mean.
    Mixtures: the weights to that power and each component by itself, as in Ha and Eck 2017, "A neural representation of
    sketch drawings", eq. 8. Others with an inverse CDF: quantiles moved towards the median as for a normal
    distribution. Raises ``SpecError`` for the rest.
    """
    if not has_icdf(distribution):
        raise SpecError(
            expected="a head whose distribution has a temperature (an inverse CDF, or an entry of tempered)",
            got=type(distribution).__name__,
            remedy="use temperature=1.0, or register the distribution with tensorar.generation.tempered",
        )
    return TemperedQuantiles(distribution, temperature)


@tempered.register
def _(distribution: Normal, temperature: float) -> Distribution:
    return Normal(distribution.loc, distribution.scale * math.sqrt(temperature), validate_args=False)


@tempered.register
def _(distribution: LogNormal, temperature: float) -> Distribution:
    location = distribution.loc + (temperature - 1) * distribution.scale**2
    return type(distribution)(location, distribution.scale * math.sqrt(temperature), validate_args=False)


@tempered.register
def _(distribution: StudentT, temperature: float) -> Distribution:
    df = (distribution.df + 1) / temperature - 1
    if bool((df <= 0).any()):
        raise SpecError(
            expected=f"a `temperature` below {float(distribution.df.min()) + 1:.3g} for a Student t distribution",
            got=str(temperature),
            remedy="use a lower one",
        )
    return StudentT(df, distribution.loc, distribution.scale * (distribution.df / df).sqrt(), validate_args=False)


@tempered.register
def _(distribution: Beta, temperature: float) -> Distribution:
    one, zero = distribution.concentration1, distribution.concentration0
    return Beta(one / temperature, zero / temperature, validate_args=False)


@tempered.register
def _(distribution: MixtureSameFamily, temperature: float) -> Distribution:
    weights = Categorical(logits=distribution.mixture_distribution.logits / temperature, validate_args=False)
    components = tempered(distribution.component_distribution, temperature)
    return MixtureSameFamily(weights, components, validate_args=False)


class TemperedQuantiles(Distribution):
    """Another distribution with its quantiles moved towards the median, as a normal distribution's would be."""

    arg_constraints: dict[str, Constraint] = {}  # noqa: RUF012 (torch's own form)

    def __init__(self, distribution: Distribution, temperature: float) -> None:
        self.distribution, self.factor = distribution, math.sqrt(temperature)
        super().__init__(distribution.batch_shape, distribution.event_shape, validate_args=False)

    @property
    def support(self) -> Constraint:
        """The support of the other distribution."""
        support = self.distribution.support
        assert support is not None
        return support

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile function."""
        normal = torch.special.ndtri(value.double()) * self.factor
        finfo = torch.finfo(value.dtype)
        warped = torch.special.ndtr(normal).to(value.dtype).clamp(finfo.eps / 4, 1 - finfo.eps / 2)
        quantile: Tensor = self.distribution.icdf(warped)
        return quantile
