"""Heads with one defect each."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Normal

from tests.testing.reference import Bell, BinMixture, Bins


class WeightsNotNormalised(BinMixture):
    """Mixture weights that do not sum to one."""

    def weights(self, raw):
        return raw.sigmoid()


class EdgeBinsMissing(BinMixture):
    """The first and the last bin hold what lies between edges, and nothing holds the tails."""

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
    """Samples rounded where the likelihood cuts: half a bin off."""

    class kind(Bins):  # noqa: N801
        """Rounded, not cut off."""

        def level(self, x):
            return (x * self.levels).round().clamp(0, self.levels - 1)


class Tied(Normal):
    """A normal distribution whose inverse sees few different numbers."""

    def icdf(self, value):
        return super().icdf(((value * 64).floor() + 0.5) / 64)


class RoundsBeforeTheInverse(Bell):
    """Rounds the noise before the inverse transform."""

    def distribution(self, parameters, coefficients=None):
        normal = super().distribution(parameters)
        return Tied(normal.loc, normal.scale, validate_args=False)


class ScaleForgottenInSamples(Bell):
    """Draws with another width than that of the likelihood."""

    def draw(self, parameters, noise, coefficients=None):
        location, raw = parameters.unbind(-1)
        return location + 0.5 * F.softplus(raw) * torch.special.ndtri(noise[..., 0])


class OwnNoise(Bell):
    """Draws from a random state that is not torch's."""

    noise_size = None

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
    """A parameter that changes nothing."""

    parameter_count = 3

    def distribution(self, parameters, coefficients=None):
        return super().distribution(parameters[..., :2])


class NormalisesOverTheBatch(BinMixture):
    """Weights normalised along the wrong axis."""

    def weights(self, raw):
        return raw.softmax(0) * 2 if raw.ndim == 1 else raw.softmax(-2).softmax(-1)


class LooksAlike(BinMixture):
    """Shows a network every second level only."""

    def encode(self, value, coefficients=None):
        return (value / 2).floor().unsqueeze(-1)


class ShowsNothingForNaN(Bell):
    """Hides from the library that a value is not known."""

    def encode(self, value, coefficients=None):
        return value.nan_to_num(0.0).unsqueeze(-1)


class InfiniteAtZero(BinMixture):
    """Shows a network the logarithm of a level that may be zero."""

    def encode(self, value, coefficients=None):
        return value.log().unsqueeze(-1)


class EncodesInPlace(Bell):
    """Scales the values that it is given."""

    def encode(self, value, coefficients=None):
        return value.mul_(0.5).unsqueeze(-1)


class AlwaysDouble(Bell):
    """Computes in float64 and stays there."""

    def distribution(self, parameters, coefficients=None):
        return super().distribution(parameters.double())


class WrongMean(BinMixture):
    """Says that the mean is that of the first component."""

    class kind(Bins):  # noqa: N801
        """The mean of one component."""

        @property
        def mean(self):
            return self.location[..., 0] * self.levels


class WrongNumberOfFeatures(Bell):
    """Declares one feature and shows two."""

    def encode(self, value, coefficients=None):
        return torch.stack([value, value], dim=-1)


class MarginalOfTheWholeEvent(Bell):
    """One marginal for all coefficients together."""

    def marginal_parameters(self, values):
        return torch.stack([values.mean(), values.std()])


class FitsOneLevelTooFew(BinMixture):
    """Offers itself with too few levels for the data."""

    @classmethod
    def options_for(cls, values):
        return {"levels": int(values.max())}


class MoreLevelsThanDeclared(Bell):
    """Gives a third value some probability, which the support does not have."""

    parameter_count = 3
    support = torch.distributions.constraints.integer_interval(0, 1)

    def distribution(self, parameters, coefficients=None):
        return Categorical(logits=parameters, validate_args=False)


CAUGHT = {
    WeightsNotNormalised: "sums_to_one",
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
    NormalisesOverTheBatch: "coefficients_stand_alone",
    LooksAlike: "different_values_look_different",
    ShowsNothingForNaN: "features_are_as_declared",
    InfiniteAtZero: "extreme_values_are_finite",
    EncodesInPlace: "leaves_everything_unchanged",
    AlwaysDouble: "precision_is_kept",
    WrongMean: "mean_is_that_of_the_probabilities",
    WrongNumberOfFeatures: "features_are_as_declared",
    MarginalOfTheWholeEvent: "begins_at_marginals",
    FitsOneLevelTooFew: "fits_what_it_says",
}
