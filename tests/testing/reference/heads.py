"""Correct heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.distributions import Distribution, Normal, constraints

from tensorar import Head


class Bins(Distribution):
    """A mixture of logistics over levels in a unit interval, whose first and last bins include the tails."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, weights, location, scale, levels):
        self.weights, self.location, self.scale, self.levels = weights, location, scale, levels
        super().__init__(location.shape[:-1], validate_args=False)

    def probabilities(self):
        # in float64: a difference of two numbers close to 1 is rounded to 0 in float32
        location, scale, weights = (p.double().unsqueeze(-2) for p in (self.location, self.scale, self.weights))
        edges = torch.arange(1, self.levels, dtype=torch.float64, device=location.device) / self.levels
        below = ((edges[:, None] - location) / scale).sigmoid()
        return self.of_bins((below * weights).sum(-1))

    def of_bins(self, below):
        return F.pad(F.pad(below, (1, 0)), (0, 1), value=1.0).diff(dim=-1)

    def log_prob(self, value):
        nats = self.probabilities().clamp(min=1e-30).log()
        value, nats = torch.broadcast_tensors(value.long().unsqueeze(-1), nats)
        return nats.gather(-1, value[..., :1])[..., 0].to(self.location.dtype)

    def sample(self, sample_shape=()):
        shape = (*self._extended_shape(sample_shape), 2)
        return self.from_noise(torch.rand(shape, dtype=self.location.dtype, device=self.location.device))

    def from_noise(self, noise):
        choice, u = noise.clamp(1e-6, 1 - 1e-6).split(1, dim=-1)
        component = (self.weights.cumsum(-1) / self.weights.sum(-1, keepdim=True) < choice).sum(-1, keepdim=True)
        shape = (*component.shape[:-1], self.weights.shape[-1])
        location, scale = (p.expand(shape).gather(-1, component.clamp(max=1)) for p in (self.location, self.scale))
        return self.level((location + scale * torch.logit(u))[..., 0])

    def level(self, x):
        return (x * self.levels).floor().clamp(0, self.levels - 1)

    @property
    def mean(self):
        levels = torch.arange(self.levels, dtype=torch.float64, device=self.location.device)
        return (self.probabilities() @ levels).to(self.location.dtype)

    @property
    def variance(self):
        levels = torch.arange(self.levels, dtype=torch.float64, device=self.location.device)
        return (self.probabilities() * (levels - self.mean.unsqueeze(-1)) ** 2).sum(-1).to(self.location.dtype)


@dataclass(frozen=True, kw_only=True)
class BinMixture(Head):
    """Levels by a mixture of two logistic distributions.

    Options:
        levels: Number of levels.
    """

    name = "bin_mixture"
    levels: int = 16
    parameter_count = 6
    feature_count = 1
    kind = Bins

    @property
    def support(self):
        return constraints.integer_interval(0, self.levels - 1)

    def encode(self, value, coefficients=None):
        return (value / self.levels).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        weights, location, scale = parameters.split(2, dim=-1)
        scale = 0.05 + 0.5 * scale.sigmoid()
        return self.kind(self.weights(weights), location.tanh() + 0.5, scale, self.levels)

    def weights(self, raw):
        return raw.softmax(-1)

    noise_size = 2

    def draw(self, parameters, noise, coefficients=None):
        return self.distribution(parameters, coefficients).from_noise(noise)

    @classmethod
    def options_for(cls, values):
        whole = bool((values.isfinite() & (values >= 0) & (values < 2**16) & (values == values.round())).all())
        return {"levels": int(values.max()) + 1} if whole else None


@dataclass(frozen=True, kw_only=True)
class Bell(Head):
    """Real numbers: one Gaussian."""

    name = "bell"
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def encode(self, value, coefficients=None):
        return value.unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return Normal(location, 0.01 + F.softplus(raw), validate_args=False)

    def marginal_parameters(self, values):
        scale = (values.std(0, correction=0) - 0.01).clamp(min=1e-3)
        return torch.stack([values.mean(0), scale + (-torch.expm1(-scale)).log()], dim=-1)
