"""Heads whose samples, moments or point masses are wrong, some in the tails or when narrow or wide only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.distributions import Normal

from tests.testing.reference import Bell, BinMixture, Rain, Share, Squashed, ZeroOr


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
