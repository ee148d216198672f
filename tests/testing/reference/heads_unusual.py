"""Correct heads of kinds that a test may wrongly refuse."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Cauchy, Distribution, Normal, Poisson, VonMises, constraints
from torch.distributions.transforms import AffineTransform

from tensorar import Head
from tests.testing.reference.heads import Bell


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


@dataclass(frozen=True, kw_only=True)
class InUnits(Bell):
    """Real numbers in the units of the data: a location and a scale per coefficient, and a Gaussian.

    Options:
        units: Whether to find units in the data.
    """

    name = "in_units"
    units: bool = True

    def for_data(self, train, *others):
        if not self.units:
            return self
        # relative to the first event: whole numbers beyond 2^53 are not rounded, and squares do not overflow
        train = train.double() if train.is_floating_point() else train
        deviation = (train - train[0]).double()
        size = deviation.abs().amax(0).flatten()
        size = torch.where(size > 0, size, 1.0)
        relative = deviation.flatten(1) / size
        scale = size * torch.where(relative.std(0, correction=0) > 0, relative.std(0, correction=0), 1.0)
        origin = train[0].flatten()
        return self.with_data_state({"origin": origin, "shift": size * relative.mean(0), "scale": scale})

    def data_state(self):
        return dict(self.__dict__.get("_state", {}))

    def with_data_state(self, state):
        found = replace(self)
        found.__dict__["_state"] = state
        return found

    def transform(self, coefficients=None):
        state = self.data_state()
        return self.affine(**{name: part[coefficients] for name, part in state.items()}) if state else None

    def affine(self, origin, shift, scale):
        return Units(origin, shift, scale)


class Units(AffineTransform):
    """``origin + shift + scale * x`` in float64, where the origin may be a whole number."""

    def __init__(self, origin, shift, scale):
        self.origin, self.shift = origin, shift
        super().__init__(origin.double() + shift, scale)

    def _call(self, x):
        return self.loc + self.scale * x.double()

    def _inverse(self, y):
        y = y.double() if y.is_floating_point() else y
        return ((y - self.origin).double() - self.shift) / self.scale


@dataclass(frozen=True, kw_only=True)
class Columns(Head):
    """A table: every second column is in units a hundred times as large."""

    name = "columns"
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def unit(self, coefficients, like):
        odd = torch.zeros((), dtype=torch.long, device=like.device) if coefficients is None else coefficients % 2
        return torch.where(odd == 1, 100.0, 1.0).to(like.dtype)

    def encode(self, value, coefficients=None):
        return (value / self.unit(coefficients, value)).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        unit = self.unit(coefficients, parameters)
        return Normal(unit * location, unit * (0.01 + F.softplus(raw)), validate_args=False)
