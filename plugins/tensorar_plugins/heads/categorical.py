"""Coefficients that take one of a few values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F

from tensorar import Head
from tensorar.noise import ordinal
from tensorar_plugins.heads.levels import level_support, levels_of, to_unit


class Levels(torch.distributions.Categorical):
    """Torch's categorical distribution, with the mean and the variance of its levels as numbers."""

    @property
    def mean(self):
        return self.probs @ self._levels

    @property
    def variance(self):
        return (self.probs * (self._levels - self.mean.unsqueeze(-1)) ** 2).sum(-1)

    @property
    def _levels(self):
        return torch.arange(self.logits.shape[-1], dtype=self.probs.dtype, device=self.probs.device)


@dataclass(frozen=True, kw_only=True)
class Categorical(Head):
    """One of several levels: a probability for each, free of any shape; one_hot shows them to the net as categories.

    By default a network sees a level as one number from -1 to 1, as fits grey levels and counts.
    """

    name = "categorical"
    levels: int = 256
    one_hot: bool = False

    def __post_init__(self):
        level_support(self.levels, self.name)

    @property
    def parameter_count(self):
        return self.levels

    @property
    def feature_count(self):
        return self.levels if self.one_hot else 1

    @cached_property
    def support(self):
        return level_support(self.levels, self.name)

    def encode(self, value, coefficients=None):
        if not self.one_hot:
            return to_unit(value, self.levels).unsqueeze(-1)
        known = value.isfinite()
        hot = F.one_hot(torch.where(known, value, 0.0).long(), self.levels).to(value.dtype)
        return torch.where(known.unsqueeze(-1), hot, torch.nan)

    def distribution(self, parameters, coefficients=None):
        return Levels(logits=parameters, validate_args=False)

    @property
    def noise_size(self):
        return self.levels if self.one_hot else 1

    def draw(self, parameters, noise, coefficients=None):
        # levels in their order: a small change of the logits then changes a draw by little, and fixed-point sampling
        # is soon done; categories have no order, and Gumbel's maximum treats all alike
        if self.one_hot:
            return super().draw(parameters, noise, coefficients)
        return ordinal(parameters.softmax(-1), noise[..., 0]).to(noise.dtype)

    @classmethod
    def options_for(cls, values):
        levels = levels_of(values)
        return None if levels is None else {"levels": levels}
