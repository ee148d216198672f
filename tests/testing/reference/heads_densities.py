"""Correct heads of real numbers that a test may wrongly refuse: bounded, circular, with atoms, without a mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.distributions import Cauchy, Distribution, Normal, VonMises, constraints

from tensorar import Head


class Squashed(Distribution):
    """The sigmoid of a normal variate."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, location, scale):
        self.location, self.scale = location, scale
        super().__init__(location.shape, validate_args=False)

    def normal(self):
        return Normal(self.location, self.scale, validate_args=False)

    def logit(self, value):
        return value.log() - (-value).log1p()

    def log_prob(self, value):
        return self.normal().log_prob(self.logit(value)) - value.log() - (-value).log1p()

    def squash(self, normal):
        finfo = torch.finfo(normal.dtype)
        return normal.sigmoid().clamp(finfo.tiny, 1 - finfo.eps / 2)

    def sample(self, sample_shape=()):
        return self.squash(self.normal().sample(sample_shape))

    def icdf(self, value):
        return self.squash(self.normal().icdf(value))


@dataclass(frozen=True, kw_only=True)
class Share(Head):
    """Numbers between 0 and 1: the sigmoid of a normal variate."""

    name = "share"
    parameter_count = 2
    feature_count = 1
    support = constraints.unit_interval
    kind = Squashed

    def encode(self, value, coefficients=None):
        return (2 * value - 1).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return self.kind(location, 0.01 + F.softplus(raw))

    def supports(self, values, coefficients=None):
        return (values > 0) & (values < 1)


@dataclass(frozen=True, kw_only=True)
class Angle(Head):
    """Angles: a von Mises distribution, whose mean is circular and whose samples are drawn one by one."""

    name = "angle"
    parameter_count = 2
    feature_count = 2
    support = constraints.interval(-math.pi, math.pi)

    def encode(self, value, coefficients=None):
        return torch.stack([value.cos(), value.sin()], dim=-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return VonMises(math.pi * location.tanh(), (0.1 + F.softplus(raw)).clamp(max=50), validate_args=False)


class ZeroOr(Distribution):
    """Zero with some probability, otherwise the exponential of a normal variate."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, logit, location, scale):
        self.logit, self.location, self.scale = logit, location, scale
        super().__init__(logit.shape, validate_args=False)

    def log_prob(self, value):
        zero = value == 0
        log = torch.where(zero, 1.0, value).log()
        density = Normal(self.location, self.scale, validate_args=False).log_prob(log) - log
        return torch.where(zero, F.logsigmoid(self.logit), F.logsigmoid(-self.logit) + density)

    def from_noise(self, noise):
        finfo = torch.finfo(noise.dtype)
        normal = self.location + self.scale * torch.special.ndtri(noise[..., 1])
        positive = normal.exp().clamp(finfo.tiny, finfo.max)
        return torch.where(noise[..., 0] < self.logit.sigmoid(), 0.0, positive)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.from_noise(torch.rand(*shape, 2, dtype=self.location.dtype, device=self.location.device))


@dataclass(frozen=True, kw_only=True)
class Rain(Head):
    """Amounts of rain: a probability of exactly 0, and a density above it."""

    name = "rain"
    parameter_count = 3
    feature_count = 2
    support = constraints.nonnegative
    point_masses = (0.0,)
    noise_size = 2

    def encode(self, value, coefficients=None):
        dry = torch.where(value.isfinite(), (value == 0).to(value.dtype), torch.nan)
        return torch.stack([dry, value.clamp(min=torch.finfo(value.dtype).tiny).log() * (1 - dry) / 3], dim=-1)

    def distribution(self, parameters, coefficients=None):
        logit, location, raw = parameters.unbind(-1)
        return ZeroOr(logit, location, 0.01 + F.softplus(raw))

    def draw(self, parameters, noise, coefficients=None):
        return self.distribution(parameters).from_noise(noise)


@dataclass(frozen=True, kw_only=True)
class Heavy(Head):
    """Real numbers without a mean: a Cauchy distribution."""

    name = "heavy"
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def encode(self, value, coefficients=None):
        return value.asinh().unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return Cauchy(location, 0.01 + F.softplus(raw), validate_args=False)
