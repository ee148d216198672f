"""Orders chosen on the way, from what the model predicts for every unknown coefficient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor
from torch.distributions import Distribution

from tensorar import Evidence, SpecError, flatten_events
from tensorar.generation import masses_of
from tensorar.utils.precision import widened
from tensorar_plugins.orderings.random import Shuffled

# scores that differ by less are tied: rounding, which depends on the batch size, must not decide
TIE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Adaptive(Shuffled):
    """Visit next what the model is most (or least) certain of, given all that is known; train on random orders.

    The rule scores the predictive distributions of all unknown coefficients, in standard values, and visits the best;
    of scores within 1e-5 of the best, that of the lowest index. Most certain first: Kim et al., "Train for the Worst,
    Plan for the Best", ICML 2025, section 4; the most informative measurement first: the largest entropy.

    Options:
        rule: min-entropy or max-entropy (the smallest or largest entropy, in nats; of a density the differential
            entropy), max-probability (the largest probability of a value), max-margin (the largest difference between
            the probabilities of the two likeliest values). The last two need a head of discrete values.
        seed: Seed of the order in which known coefficients are taken in, and in which validation during training
            estimates likelihoods.
    """

    name = "adaptive"
    adaptive = True
    rule: Literal["min-entropy", "max-entropy", "max-margin", "max-probability"] = "min-entropy"

    def next(self, evidence: Evidence, distribution: Distribution) -> Int[Tensor, " batch"]:
        score = flatten_events(SCORES[self.rule](distribution)).nan_to_num(nan=-torch.inf)
        unknown = ~flatten_events(evidence.mask)
        best = score.masked_fill(~unknown, -torch.inf).amax(1, keepdim=True)
        return (unknown & (score >= best - TIE)).int().argmax(1)


def _entropy(distribution: Distribution) -> Float64[Tensor, "batch *event"]:
    """The entropy of each coefficient in nats. Raises ``SpecError`` for a density without a formula."""
    if _is_discrete(distribution):
        log_prob = _log_probabilities(distribution)
        return -torch.where(log_prob > -torch.inf, log_prob.exp() * log_prob, 0.0).sum(-1)
    try:
        return widened(distribution.entropy())
    except NotImplementedError:
        raise SpecError(
            expected="a head whose distributions have an entropy, for the ordering 'adaptive'",
            got=type(distribution).__name__,
            remedy="choose a head of discrete values, or one such as gaussian",
        ) from None


def _likeliest(distribution: Distribution, count: int) -> Float64[Tensor, "batch *event count"]:
    """The largest probabilities of each coefficient's values. Raises ``SpecError`` for a density."""
    if not _is_discrete(distribution):
        raise SpecError(
            expected="a head of discrete values, for the rules max-margin and max-probability",
            got=type(distribution).__name__,
            remedy="use adaptive:rule=min-entropy, or another head",
        )
    return _log_probabilities(distribution).exp().topk(count, dim=-1).values


def _log_probabilities(distribution: Distribution) -> Float64[Tensor, "batch *event values"]:
    """Normalized log-probabilities of all values, in float64."""
    support = distribution.support
    assert support is not None
    return widened(masses_of(distribution, support).log_prob).log_softmax(-1)


def _is_discrete(distribution: Distribution) -> bool:
    return distribution.support is not None and bool(distribution.support.is_discrete)


SCORES: dict[str, Callable[[Distribution], Float[Tensor, "batch *event"]]] = {
    "min-entropy": lambda predicted: -_entropy(predicted),
    "max-entropy": _entropy,
    "max-margin": lambda predicted: -_likeliest(predicted, 2).diff(dim=-1)[..., 0],
    "max-probability": lambda predicted: _likeliest(predicted, 1)[..., 0],
}
