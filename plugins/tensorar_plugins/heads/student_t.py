"""Real coefficients with outliers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.distributions import Chi2, Distribution, constraints

from tensorar import Head
from tensorar_plugins.heads.units import check_options, in_float64, inverse_softplus, positive


class StudentT(torch.distributions.StudentT):
    """Torch's own, exact in float32 for many degrees of freedom and for values far away; unknown where df is NaN."""

    def __init__(self, df, loc, scale):
        self.df, self.loc, self.scale = torch.broadcast_tensors(df, loc, scale)
        # torch's own checks this one whatever is asked for: an error for NaN, and a wait for the device
        self._chi2 = Chi2(self.df, validate_args=False)
        Distribution.__init__(self, self.df.shape, validate_args=False)

    def log_prob(self, value):
        def formula(loc, df, scale, x):
            return super(StudentT, StudentT(df, loc, scale)).log_prob(x)

        return in_float64(formula, self.loc, self.df, self.scale, value)


@dataclass(frozen=True, kw_only=True)
class StudentTHead(Head):
    """Real numbers with outliers: a Student t per coefficient, its tails learnt, no narrower than floor.

    More than two degrees of freedom, so that there are a mean and a variance. ``location`` and ``scale`` are those of
    the bulk of the data; networks see standard units, those of outliers pressed together.
    """

    name = "student_t"
    floor: float = 1e-3
    location: float = 0.0
    scale: float = 1.0
    parameter_count = 3
    feature_count = 1
    support = constraints.real

    def __post_init__(self):
        check_options(self.name, location=self.location, floor=self.floor, scale=self.scale)

    def encode(self, value, coefficients=None):
        # about the value itself near the middle: one outlier must not outshout all else that a network sees
        return ((value - self.location) / self.scale).asinh().unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw, tails = parameters.unbind(-1)
        scale = self.scale * (self.floor + positive(raw))
        return StudentT(2 + positive(tails), self.location + self.scale * location, scale)

    def marginal_parameters(self, values):
        unit = (values - self.location) / self.scale
        middle = unit.median(0).values
        # half of what three degrees of freedom give lies within 0.765 scales
        scale = (unit - middle).abs().median(0).values / 0.765
        return torch.stack([middle, inverse_softplus(scale - self.floor), torch.zeros_like(scale)], dim=-1)
