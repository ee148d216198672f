"""Heads that break with other options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from tests.testing.reference import Bell, BinMixture, Tokens


class HalfOfTheLevels(Tokens):
    """Levels above 127 have the same features."""

    def encode(self, value, coefficients=None):
        return super().encode(value.clamp(max=127))


class DrawsTheFirstLevels(Tokens):
    """Draws no level above 15."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, noise).clamp(max=15)


class OneHotMissesOne(Tokens):
    """One-hot features without the last category."""

    def hot(self, value):
        return super().hot(value)[..., :-1]


class CircleHalfUsed(Tokens):
    """Features on half of a circle that is run through twice."""

    def encode(self, value, coefficients=None):
        found = super().encode(value)
        return torch.cat([found[..., :1], found[..., 1:].abs()], -1) if self.feature_count == 2 else found


@dataclass(frozen=True, kw_only=True)
class TwoComponents(Bell):
    """A mixture that uses two of its components.

    Options:
        components: Number of components.
    """

    components: int = 5

    @property
    def parameter_count(self):
        return 2 * self.components

    def distribution(self, parameters, coefficients=None):
        return super().distribution(parameters[..., :2] + parameters[..., 2:4])


@dataclass(frozen=True, kw_only=True)
class LinkNotNormalized(BinMixture):
    """Weights that are normalized with one link only.

    Options:
        link: Function from parameters to weights.
    """

    link: Literal["softmax", "sigmoid"] = "softmax"

    def weights(self, raw):
        return raw.softmax(-1) if self.link == "softmax" else raw.sigmoid()


@dataclass(frozen=True, kw_only=True)
class FloorIgnored(Bell):
    """An option without effect.

    Options:
        floor: Smallest standard deviation.
    """

    floor: float = 0.01


@dataclass(frozen=True, kw_only=True)
class FlagIgnored(Bell):
    """A switch without effect.

    Options:
        robust: Whether to draw with heavy tails.
    """

    robust: bool = False


CAUGHT = {
    HalfOfTheLevels: "encoding_is_injective",
    DrawsTheFirstLevels: "samples_follow_log_prob",
    OneHotMissesOne: "features_are_as_declared",
    CircleHalfUsed: "encoding_is_injective",
    TwoComponents: "every_parameter_gets_gradient",
    LinkNotNormalized: "sums_to_one",
    FloorIgnored: "every_option_has_an_effect",
    FlagIgnored: "every_option_has_an_effect",
}
