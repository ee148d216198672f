"""Heads whose likelihoods are right in the middle of their range, and wrong far from it or at single points."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Normal, Poisson

from tests.testing.reference import Bell, BinMixture, Counts, LogNats, Tokens


class NotNormalizedFarOut(Tokens):
    """Torch's softmax, whose probabilities do not sum to one where logits share a large offset."""

    def distribution(self, parameters, coefficients=None):
        return Categorical(logits=parameters, validate_args=False)


class CutsLogits(Tokens):
    """Exponentials of clamped logits, normalized before they are clamped."""

    def distribution(self, parameters, coefficients=None):
        found = super().distribution(parameters)
        found.logits = found.logits.clamp(min=-12)
        return found


class MixtureNotNormalizedFarOut(BinMixture):
    """Mixture weights that do not sum to one where their logits share a large offset."""

    def weights(self, raw):
        return (raw - raw.logsumexp(-1, keepdim=True)).exp()


class TurnsAtZero(Bell):
    """A scale by a square root, whose gradient is NaN at exactly 0."""

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return Normal(location, 0.1 + (raw**2).sqrt(), validate_args=False)


class DividesByTheParameter(Bell):
    """A scale of 0/0 where the parameter is exactly 0."""

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return Normal(location, 0.01 + (raw.exp() - 1) / raw * F.softplus(-raw).exp() * 0.5, validate_args=False)


class GradientOfTheOtherBranch(Bell):
    """``torch.where`` of two branches, of which the unused one has an infinite gradient."""

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        scale = torch.where(raw > 30, raw, raw.exp().log1p())
        return Normal(location, 0.01 + scale, validate_args=False)


class LikelihoodStopsAtThousand(Counts):
    """The same likelihood for all counts from a thousand on."""

    def distribution(self, parameters, coefficients=None):
        class Clamped(LogNats):
            def log_prob(self, value):
                return super().log_prob(value.clamp(max=1000))

        return Clamped(self.log_rate(parameters[..., 0]))


class DrawsUpToThousand(Counts):
    """Draws no count above a thousand."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, noise).clamp(max=1000)


class SingleLogGamma(Counts):
    """Likelihoods of large counts by the difference of large numbers in float32."""

    def distribution(self, parameters, coefficients=None):
        return Poisson(self.log_rate(parameters[..., 0]).exp(), validate_args=False)


class Expanded(Normal):
    """A normal distribution whose square is expanded."""

    def log_prob(self, value):
        square = value**2 - 2 * value * self.loc + self.loc**2
        return -square / (2 * self.scale**2) - self.scale.log() - 0.9189385332046727


class SubtractsSquares(Bell):
    """Loses the digits of values in the thousands in float32."""

    def distribution(self, parameters, coefficients=None):
        normal = super().distribution(parameters)
        return Expanded(normal.loc, normal.scale, validate_args=False)


CAUGHT = {
    NotNormalizedFarOut: "normalized_at_large_logits",
    CutsLogits: "sums_to_one",
    MixtureNotNormalizedFarOut: "normalized_at_large_logits",
    TurnsAtZero: "gradients_are_finite_at_zero",
    DividesByTheParameter: "gradients_are_finite_at_zero",
    GradientOfTheOtherBranch: "extreme_parameters_are_finite",
    LikelihoodStopsAtThousand: "sums_to_one",
    DrawsUpToThousand: "samples_follow_log_prob",
    SingleLogGamma: "float32_agrees_with_float64",
    SubtractsSquares: "float32_agrees_with_float64",
}
