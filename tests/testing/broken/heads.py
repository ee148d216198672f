"""Heads with one defect each."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Normal

from tests.testing.reference import Bell, BinMixture, Bins


class WeightsNotNormalized(BinMixture):
    """Mixture weights that do not sum to one."""

    def weights(self, raw):
        return raw.sigmoid()


class EdgeBinsMissing(BinMixture):
    """The first and the last bin do not include the tails."""

    class kind(Bins):  # noqa: N801
        """Bins without tails."""

        def probabilities(self):
            edges = torch.arange(self.levels + 1, dtype=self.location.dtype) / self.levels
            below = ((edges[:, None] - self.location.unsqueeze(-2)) / self.scale.unsqueeze(-2)).sigmoid()
            return (below * self.weights.unsqueeze(-2)).sum(-1).diff(dim=-1)


class OffTheGrid(BinMixture):
    """Samples between the levels."""

    class kind(Bins):  # noqa: N801
        """Samples that are not rounded."""

        def level(self, x):
            return (x * self.levels).clamp(0, self.levels - 1)


class OneLevelTooMany(BinMixture):
    """Samples of a level above the highest."""

    class kind(Bins):  # noqa: N801
        """Rounded up at the top."""

        def level(self, x):
            return (x * self.levels).floor().clamp(0, self.levels)


class RoundsToTheNearestEdge(BinMixture):
    """Samples that are off by half a bin."""

    class kind(Bins):  # noqa: N801
        """Rounded instead of floored."""

        def level(self, x):
            return (x * self.levels).round().clamp(0, self.levels - 1)


class Tied(Normal):
    """A normal distribution whose inverse takes few different values."""

    def icdf(self, value):
        return super().icdf(((value * 64).floor() + 0.5) / 64)


class RoundsBeforeTheInverse(Bell):
    """Rounds the noise before the inverse transform."""

    def distribution(self, parameters, coefficients=None):
        normal = super().distribution(parameters)
        return Tied(normal.loc, normal.scale, validate_args=False)


class ScaleForgottenInSamples(Bell):
    """Draws with another scale than that of the likelihood."""

    def draw(self, parameters, noise, coefficients=None):
        location, raw = parameters.unbind(-1)
        return location + 0.5 * F.softplus(raw) * torch.special.ndtri(noise[..., 0])


class OwnNoise(Bell):
    """Draws from numpy's random state."""

    def distribution(self, parameters, coefficients=None):
        normal = super().distribution(parameters)

        class Drawn(Normal):
            def sample(self, sample_shape=()):
                shape = self._extended_shape(sample_shape)
                noise = torch.from_numpy(np.random.default_rng().standard_normal(shape))
                return (self.loc + self.scale * noise).to(self.loc)

        return Drawn(normal.loc, normal.scale, validate_args=False)


class ExponentialScale(Bell):
    """A scale that overflows and vanishes."""

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return Normal(location, raw.exp(), validate_args=False)


class IdleParameter(Bell):
    """A parameter without effect."""

    parameter_count = 3

    def distribution(self, parameters, coefficients=None):
        return super().distribution(parameters[..., :2])


class NormalizesOverTheBatch(BinMixture):
    """Weights normalized along the wrong axis."""

    def weights(self, raw):
        return raw.softmax(0) * 2 if raw.ndim == 1 else raw.softmax(-2).softmax(-1)


class HalvesTheLevels(BinMixture):
    """Pairs of levels have the same features."""

    def encode(self, value, coefficients=None):
        return (value / 2).floor().unsqueeze(-1)


class EncodesNaNAsZero(Bell):
    """Finite features for an unknown value."""

    def encode(self, value, coefficients=None):
        return value.nan_to_num(0.0).unsqueeze(-1)


class InfiniteAtZero(BinMixture):
    """Encodes the logarithm of a level that may be zero."""

    def encode(self, value, coefficients=None):
        return value.log().unsqueeze(-1)


class EncodesInPlace(Bell):
    """Scales its values in place."""

    def encode(self, value, coefficients=None):
        return value.mul_(0.5).unsqueeze(-1)


class AlwaysDouble(Bell):
    """Returns float64 likelihoods in every dtype."""

    def distribution(self, parameters, coefficients=None):
        return super().distribution(parameters.double())


class WrongMean(BinMixture):
    """The mean of the first component only."""

    class kind(Bins):  # noqa: N801
        """The mean of one component."""

        @property
        def mean(self):
            return self.location[..., 0] * self.levels


class WrongNumberOfFeatures(Bell):
    """Declares one feature and returns two."""

    def encode(self, value, coefficients=None):
        return torch.stack([value, value], dim=-1)


class MarginalOfTheWholeEvent(Bell):
    """One marginal for all coefficients together."""

    def marginal_parameters(self, values):
        return torch.stack([values.mean(), values.std()])


class SuggestsOneLevelTooFew(BinMixture):
    """Suggests too few levels for the data."""

    @classmethod
    def options_for(cls, values):
        found = super().options_for(values)
        return None if found is None else {"levels": found["levels"] - 1}


class MoreLevelsThanDeclared(Bell):
    """A third value outside the support has some probability."""

    parameter_count = 3
    support = torch.distributions.constraints.integer_interval(0, 1)

    def distribution(self, parameters, coefficients=None):
        return Categorical(logits=parameters, validate_args=False)


class ForgetsTheScaleInItsShortcut(Bell):
    """A shortcut to log-probabilities that is not that of the distribution."""

    def log_prob(self, parameters, value, coefficients=None):
        return Normal(parameters[..., 0], 1.0, validate_args=False).log_prob(value)


CAUGHT = {
    ForgetsTheScaleInItsShortcut: "log_prob_is_that_of_the_distribution",
    WeightsNotNormalized: "sums_to_one",
    EdgeBinsMissing: "sums_to_one",
    MoreLevelsThanDeclared: "sums_to_one",
    OffTheGrid: "samples_in_the_support",
    OneLevelTooMany: "samples_in_the_support",
    RoundsToTheNearestEdge: "samples_follow_log_prob",
    RoundsBeforeTheInverse: "samples_follow_log_prob",
    ScaleForgottenInSamples: "samples_follow_log_prob",
    OwnNoise: "samples_follow_the_random_state",
    ExponentialScale: "extreme_parameters_are_finite",
    IdleParameter: "every_parameter_gets_gradient",
    NormalizesOverTheBatch: "coefficients_are_independent",
    HalvesTheLevels: "encoding_is_injective",
    EncodesNaNAsZero: "features_are_as_declared",
    InfiniteAtZero: "extreme_values_are_finite",
    EncodesInPlace: "no_side_effects",
    AlwaysDouble: "precision_is_preserved",
    WrongMean: "mean_matches_probabilities",
    WrongNumberOfFeatures: "takes_what_it_declares",
    MarginalOfTheWholeEvent: "marginal_parameters_are_valid",
    SuggestsOneLevelTooFew: "suggested_options_support_the_values",
}
