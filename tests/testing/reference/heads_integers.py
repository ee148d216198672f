"""Correct heads of integers that a test may wrongly refuse: categories, large counts, and millions of levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Distribution, Poisson, constraints

from tensorar import Head


class Weighted(Categorical):
    """A categorical distribution with normalized probabilities and without a mean."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, logits):
        super().__init__(logits=logits.log_softmax(-1), validate_args=False)
        self.logits = logits.log_softmax(-1)

    @property
    def mean(self):
        raise NotImplementedError("categories have no mean")


@dataclass(frozen=True, kw_only=True)
class Tokens(Head):
    """Categories, with features on a line or a circle.

    Options:
        levels: Number of categories.
        one_hot: Whether features are one-hot vectors.
        layout: Features on a line or on a circle.
    """

    name = "tokens"
    levels: int = 256
    one_hot: bool = False
    layout: Literal["line", "circle"] = "line"

    @property
    def parameter_count(self):
        return self.levels

    @property
    def feature_count(self):
        return self.levels if self.one_hot else 2 if self.layout == "circle" else 1

    @property
    def support(self):
        return constraints.integer_interval(0, self.levels - 1)

    def encode(self, value, coefficients=None):
        if self.one_hot:
            return self.hot(value)
        if self.layout == "circle":
            angle = 2 * math.pi * value / self.levels
            return torch.stack([angle.cos(), angle.sin()], dim=-1)
        return (2 * value / self.levels - 1).unsqueeze(-1)

    def hot(self, value):
        known = value.isfinite()
        same = torch.where(known, value, 0.0).unsqueeze(-1) == torch.arange(self.levels, device=value.device)
        return torch.where(known.unsqueeze(-1), same.to(value.dtype), torch.nan)

    def distribution(self, parameters, coefficients=None):
        return Weighted(parameters)


class LogNats(Poisson):
    """A Poisson distribution by the logarithm of its rate, with likelihoods computed in float64."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, log_rate):
        self.log_rate = log_rate
        super().__init__(log_rate.exp(), validate_args=False)

    def log_prob(self, value):
        k, log = value.double(), self.log_rate.double()
        return (k * log - log.exp() - torch.lgamma(k + 1)).to(self.log_rate.dtype)


@dataclass(frozen=True, kw_only=True)
class Counts(Head):
    """Counts of any size: the logarithm of a Poisson rate up to a million."""

    name = "counts"
    parameter_count = 1
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(self, value, coefficients=None):
        return value.log1p().unsqueeze(-1)

    def log_rate(self, raw):
        # identical up to ten, then ever slower
        beyond = (raw.abs() - 10).clamp(min=0)
        return raw.clamp(-10, 10) + raw.sign() * beyond.log1p()

    def distribution(self, parameters, coefficients=None):
        return LogNats(self.log_rate(parameters[..., 0]))

    def marginal_parameters(self, values):
        return (values.double().mean(0) + 0.5 / len(values)).log().float().unsqueeze(-1)


class Steps(Distribution):
    """A logistic distribution over a very large number of levels, without a mean; computed in float64."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, location, scale, levels, dtype):
        self.location, self.scale, self.levels, self.dtype = location, scale, levels, dtype
        super().__init__(location.shape, validate_args=False)

    def log_prob(self, value):
        lower = ((value.double() - 0.5) / (self.levels - 1) - self.location) / self.scale
        upper = ((value.double() + 0.5) / (self.levels - 1) - self.location) / self.scale
        # the bin's mass without subtracting close numbers
        width = 1 / ((self.levels - 1) * self.scale)
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + (-torch.expm1(-width)).log()
        last = torch.where(value >= self.levels - 1, F.logsigmoid(-lower), inside)
        return torch.where(value <= 0, F.logsigmoid(upper), last).to(self.dtype)

    def icdf(self, value):
        drawn = self.location + self.scale * torch.logit(value.double(), eps=1e-16)
        return (drawn * (self.levels - 1)).round().clamp(0, self.levels - 1).to(self.dtype)

    def sample(self, sample_shape=()):
        shape, device = self._extended_shape(sample_shape), self.location.device
        return self.icdf(torch.rand(shape, dtype=torch.float64, device=device))


@dataclass(frozen=True, kw_only=True)
class Samples24Bit(Head):
    """Audio samples of 24 bits: sixteen million levels."""

    name = "samples_24_bit"
    parameter_count = 2
    feature_count = 1
    support = constraints.integer_interval(0, 2**24 - 1)

    def encode(self, value, coefficients=None):
        return (value * (2 / (2**24 - 1)) - 1).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.double().unbind(-1)
        return Steps(0.5 + location, 1e-5 + 0.1 * F.softplus(raw), 2**24, parameters.dtype)
