"""Heads that are right in the middle of their range, and wrong far from it, between neighbors or at single points."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Normal, Poisson

from tests.testing.reference import Bell, BinMixture, Counts, LogNats, Rain, Share, Squashed, Tokens, ZeroOr


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


class SaturatingFeatures(Bell):
    """Features that are equal for all values in the thousands."""

    def encode(self, value, coefficients=None):
        return value.tanh().unsqueeze(-1)


class CountsUpToHundred(Counts):
    """All counts from a hundred on have the same features."""

    def encode(self, value, coefficients=None):
        return value.clamp(max=100).log1p().unsqueeze(-1)


class HalfPrecisionFeatures(Bell):
    """Neighbors in the thousands are rounded to the same features."""

    def encode(self, value, coefficients=None):
        return value.to(torch.bfloat16).to(value.dtype).unsqueeze(-1)


class RawCounts(Counts):
    """Features as large as the counts."""

    def encode(self, value, coefficients=None):
        return value.unsqueeze(-1)


class RawLevels(Tokens):
    """Features up to 255."""

    def encode(self, value, coefficients=None):
        return super().encode(value) * self.levels


class SquaredFeatures(Bell):
    """Features that grow as the square of a value."""

    def encode(self, value, coefficients=None):
        return torch.stack([value, value**2], dim=-1)[..., : self.feature_count]

    feature_count = 2


class TinyFeatures(Bell):
    """Features too small for any network."""

    def encode(self, value, coefficients=None):
        return (value * 1e-4).unsqueeze(-1)


class LooksUpUnknown(Tokens):
    """A table of features that has no entry for an unknown value."""

    def encode(self, value, coefficients=None):
        table = torch.linspace(-1, 1, self.levels, dtype=value.dtype, device=value.device)
        return table[value.long()].unsqueeze(-1)


class RoundsToTheNearestQuarter(Share):
    """Values near the ends count as others."""

    class kind(Squashed):  # noqa: N801
        """Clamped at a hundredth from the ends."""

        def log_prob(self, value):
            return super().log_prob(value.clamp(0.01, 0.99))


class DrawsOffTheEnds(Share):
    """Samples near the ends are moved inwards."""

    class kind(Squashed):  # noqa: N801
        """Clamped at a hundredth from the ends."""

        def squash(self, normal):
            return normal.sigmoid() * 0.98 + 0.01


class NoTails(Bell):
    """Samples without the outer hundredth on both sides."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, 0.01 + 0.98 * noise)


class NoNarrowSamples(Bell):
    """Samples of a narrow distribution are too wide."""

    def draw(self, parameters, noise, coefficients=None):
        normal = self.distribution(parameters)
        return normal.loc + normal.scale.clamp(min=0.15) * torch.special.ndtri(noise[..., 0])


class NoWideSamples(Bell):
    """Samples of a wide distribution are too narrow."""

    def draw(self, parameters, noise, coefficients=None):
        normal = self.distribution(parameters)
        return normal.loc + normal.scale.clamp(max=4) * torch.special.ndtri(noise[..., 0])


class WrongMeanFarOut(BinMixture):
    """The mean of the continuous mixture, right only far from the ends."""

    class kind(BinMixture.kind):  # noqa: N801
        """The mean without the ends."""

        @property
        def mean(self):
            inside = (self.weights * self.location).sum(-1) * self.levels - 0.5
            near = super().mean
            return torch.where((near - self.levels / 2).abs() < self.levels / 4, near, inside)


class WrongMeanWhenNarrow(Bell):
    """A mean that is off by half a standard deviation."""

    def distribution(self, parameters, coefficients=None):
        class Off(Normal):
            @property
            def mean(self):
                return self.loc + 0.5 * self.scale.clamp(max=0.02)

        normal = super().distribution(parameters)
        return Off(normal.loc, normal.scale, validate_args=False)


class VarianceIsTheScale(Bell):
    """The standard deviation as the variance."""

    def distribution(self, parameters, coefficients=None):
        class Off(Normal):
            @property
            def variance(self):
                return self.scale

        normal = super().distribution(parameters)
        return Off(normal.loc, normal.scale, validate_args=False)


class PointMassNotDeclared(Rain):
    """A probability of exactly 0 that is not declared."""

    point_masses = ()


class PointMassForgotten(Rain):
    """A density that integrates to one beside the probability of 0."""

    def distribution(self, parameters, coefficients=None):
        class Twice(ZeroOr):
            def log_prob(self, value):
                normal = Normal(self.location, self.scale, validate_args=False)
                log = torch.where(value == 0, 1.0, value).log()
                return torch.where(value == 0, F.logsigmoid(self.logit), normal.log_prob(log) - log)

        found = super().distribution(parameters)
        return Twice(found.logit, found.location, found.scale)


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
    SaturatingFeatures: "encoding_is_injective",
    CountsUpToHundred: "encoding_is_injective",
    HalfPrecisionFeatures: "encoding_is_injective",
    RawCounts: "features_are_of_unit_size",
    RawLevels: "features_are_of_unit_size",
    SquaredFeatures: "features_are_of_unit_size",
    TinyFeatures: "features_are_of_unit_size",
    LooksUpUnknown: "features_are_as_declared",
    RoundsToTheNearestQuarter: "sums_to_one",
    DrawsOffTheEnds: "samples_follow_log_prob",
    NoTails: "samples_follow_log_prob",
    NoNarrowSamples: "samples_follow_log_prob",
    NoWideSamples: "samples_follow_log_prob",
    WrongMeanFarOut: "mean_matches_probabilities",
    WrongMeanWhenNarrow: "mean_matches_probabilities",
    VarianceIsTheScale: "variance_matches_probabilities",
    PointMassNotDeclared: "sums_to_one",
    PointMassForgotten: "sums_to_one",
}
