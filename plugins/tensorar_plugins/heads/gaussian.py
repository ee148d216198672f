"""Real coefficients with one Gaussian each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import Normal, constraints

from tensorar import Head
from tensorar_plugins.heads.units import check_options, inverse_softplus, positive


@dataclass(frozen=True, kw_only=True)
class Gaussian(Head):
    """Real numbers: one Gaussian per coefficient, no narrower than floor (in units of scale).

    ``location`` and ``scale`` are those of the data, which networks then see in standard units.
    """

    name = "gaussian"
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def __post_init__(self):
        check_options(self.name, location=self.location, floor=self.floor, scale=self.scale)

    def encode(self, value, coefficients=None):
        return ((value - self.location) / self.scale).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        scale = self.scale * (self.floor + positive(raw))
        return Normal(self.location + self.scale * location, scale, validate_args=False)

    def marginal_parameters(self, values):
        unit = (values - self.location) / self.scale
        return torch.stack([unit.mean(0), inverse_softplus(unit.std(0, correction=0) - self.floor)], dim=-1)
