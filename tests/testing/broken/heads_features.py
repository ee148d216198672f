"""Heads whose features are too large, too small, or the same for different values."""

from __future__ import annotations

import torch

from tests.testing.reference import Bell, Counts, Tokens


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


CAUGHT = {
    SaturatingFeatures: "encoding_is_injective",
    CountsUpToHundred: "encoding_is_injective",
    HalfPrecisionFeatures: "encoding_is_injective",
    RawCounts: "features_are_of_unit_size",
    RawLevels: "features_are_of_unit_size",
    SquaredFeatures: "features_are_of_unit_size",
    TinyFeatures: "features_are_of_unit_size",
    LooksUpUnknown: "features_are_as_declared",
}
