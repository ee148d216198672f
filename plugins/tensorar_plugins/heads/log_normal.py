"""Positive coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.gaussian import Gaussian
from tensorar_plugins.heads.units import check_options, long_tailed, standard_units


class LogNormal(torch.distributions.LogNormal):
    """Torch's own, whose samples neither overflow nor vanish."""

    def rsample(self, sample_shape=()):
        return _positive(super().rsample(sample_shape))

    def icdf(self, value):
        return _positive(super().icdf(value))

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return self.rsample(sample_shape)


def _positive(x):
    """As a number that the dtype has: neither 0 nor infinite."""
    return x.clamp(torch.finfo(x.dtype).tiny, torch.finfo(x.dtype).max)


@dataclass(frozen=True, kw_only=True)
class LogNormalHead(Head):
    """Positive numbers: a Gaussian of the logarithm per coefficient, no narrower than floor (in units of scale).

    ``location`` and ``scale`` are those of the logarithms of the data, which is what networks see.
    """

    name = "log_normal"
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 2
    feature_count = 1
    support = constraints.positive

    def __post_init__(self):
        check_options(self.name, location=self.location, floor=self.floor, scale=self.scale)

    def encode(self, value, coefficients=None):
        # unknown values are zero until they are hidden
        return self._of_logs.encode(value.clamp(min=torch.finfo(value.dtype).tiny).log())

    def distribution(self, parameters, coefficients=None):
        of_log = self._of_logs.distribution(parameters)
        return LogNormal(of_log.loc, of_log.scale, validate_args=False)

    def marginal_parameters(self, values):
        return self._of_logs.marginal_parameters(values.log())

    @property
    def _of_logs(self):
        return Gaussian(floor=self.floor, location=self.location, scale=self.scale)

    @classmethod
    def options_for(cls, values):
        taken = bool((values > 0).all()) and long_tailed(values)
        return standard_units(values.double().log()) if taken else None
