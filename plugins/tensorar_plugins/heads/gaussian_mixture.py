"""Real coefficients with a mixture of Gaussians each."""

from __future__ import annotations

from dataclasses import dataclass

from torch.distributions import Normal, constraints

from tensorar import Head
from tensorar_plugins.heads.mixtures import mixture
from tensorar_plugins.heads.units import check_options, positive, standard_units


@dataclass(frozen=True, kw_only=True)
class GaussianMixture(Head):
    """Real numbers: a mixture of Gaussians per coefficient, none narrower than floor (in units of scale).

    ``location`` and ``scale`` are those of the data, which networks then see in standard units; densities are in the
    data's own units. Densities are unbounded where values repeat: the floor bounds them. As in RNADE (Uria, Murray,
    Larochelle 2013).
    """

    name = "gaussian_mixture"
    components: int = 10
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    feature_count = 1
    support = constraints.real

    def __post_init__(self):
        check_options(self.name, location=self.location, components=self.components, floor=self.floor, scale=self.scale)

    @property
    def parameter_count(self):
        return 3 * self.components

    def encode(self, value, coefficients=None):
        return ((value - self.location) / self.scale).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return mixture(parameters, self.components, self._normal)

    def _normal(self, location, raw):
        scale = self.scale * (self.floor + positive(raw))
        return Normal(self.location + self.scale * location, scale, validate_args=False)

    @classmethod
    def options_for(cls, values):
        return standard_units(values)
