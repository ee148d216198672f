"""Correct heads with units: found in the data, or of a column."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch.distributions import Normal, constraints
from torch.distributions.transforms import AffineTransform

from tensorar import Head
from tests.testing.reference.heads import Bell


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
