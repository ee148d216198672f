"""The logistic distribution, continuous and discretised, exact in float32 far into its tails."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.distributions import Distribution, constraints


class Logistic(Distribution):
    """The logistic distribution over the real numbers: its CDF is the sigmoid of ``(x - location) / scale``."""

    arg_constraints = {"location": constraints.real, "log_scale": constraints.real}  # noqa: RUF012 (torch's own form)
    support = constraints.real

    def __init__(self, location, log_scale):
        self.location, self.log_scale = location, log_scale
        super().__init__(location.shape, validate_args=False)

    @property
    def mean(self):
        return self.location

    @property
    def variance(self):
        return (torch.pi**2 / 3) * (2 * self.log_scale).exp()

    def log_prob(self, value):
        z = (value - self.location) * (-self.log_scale).exp()
        return -z.abs() - 2 * F.softplus(-z.abs()) - self.log_scale

    def icdf(self, value):
        return self.location + self.log_scale.exp() * torch.logit(value, eps=torch.finfo(value.dtype).eps / 4)

    def sample(self, sample_shape=()):
        # rand gives multiples of eps / 2, among them 0, which stands for what lies below the next one
        shape = self._extended_shape(sample_shape)
        return self.icdf(torch.rand(shape, dtype=self.location.dtype, device=self.location.device))


class DiscretisedLogistic(Logistic):
    """A logistic distribution over [-1, 1] in ``levels`` bins, the first and the last taking the tails.

    With ``a`` and ``b`` a bin's edges in units of the scale, its mass ``sigmoid(b) - sigmoid(a)`` is
    ``sigmoid(b) sigmoid(-a) (1 - exp(a - b))``, which in logarithms subtracts nothing. Values are levels
    ``0 .. levels - 1``. PixelCNN++ (Salimans et al. 2017), eq. 2, without its approximations.
    """

    def __init__(self, location, log_scale, levels):
        self.levels = levels
        super().__init__(location, log_scale)

    @property
    def support(self):
        return constraints.integer_interval(0, self.levels - 1)

    @property
    def mean(self):
        above = torch.arange(1, self.levels, dtype=self.location.dtype, device=self.location.device)
        lower, _ = self._edges(above, self.location.unsqueeze(-1), self.log_scale.unsqueeze(-1))
        return torch.sigmoid(-lower).sum(-1)

    @property
    def variance(self):
        above = torch.arange(1, self.levels, dtype=self.location.dtype, device=self.location.device)
        lower, _ = self._edges(above, self.location.unsqueeze(-1), self.log_scale.unsqueeze(-1))
        return ((2 * above - 1) * torch.sigmoid(-lower)).sum(-1) - self.mean**2

    def _edges(self, value, location, log_scale):
        half = 1 / (self.levels - 1)
        centred = (2 * value / (self.levels - 1) - 1) - location
        inverse = (-log_scale).exp()
        return (centred - half) * inverse, (centred + half) * inverse

    def log_prob(self, value):
        lower, upper = self._edges(value, self.location, self.log_scale)
        width = 2 / (self.levels - 1) * (-self.log_scale).exp()
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + (-torch.expm1(-width)).log()
        last = torch.where(value >= self.levels - 1, F.logsigmoid(-lower), inside)
        return torch.where(value <= 0, F.logsigmoid(upper), last)

    def icdf(self, value):
        drawn = super().icdf(value)
        return ((drawn + 1) * ((self.levels - 1) / 2)).round().clamp(0, self.levels - 1)
