"""Ordinal or real coefficients with a mixture of logistics each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from torch.distributions import constraints

from tensorar import Head
from tensorar_plugins.heads.levels import level_support, levels_of, to_unit
from tensorar_plugins.heads.logistic import DiscretisedLogistic, Logistic
from tensorar_plugins.heads.mixtures import mixture
from tensorar_plugins.heads.units import check_options

# as in PixelCNN++ below; above, all mass would be in the tails and the bins lost to underflow
LOG_SCALES = (-7.0, 7.0)


@dataclass(frozen=True, kw_only=True)
class LogisticMixture(Head):
    """A mixture of logistics per coefficient: over 0 .. levels - 1 with levels, over the real numbers without.

    Salimans, Karpathy, Chen, Kingma, "PixelCNN++", ICLR 2017. Its means that depend on the other channels of a pixel
    need no code here: a channel is an axis, and the rank rule lets each see those before it. ``location`` and
    ``scale`` are those of real-valued data.
    """

    name = "logistic_mixture"
    components: int = 10
    levels: int | None = None
    location: float = 0.0
    scale: float = 1.0
    feature_count = 1

    def __post_init__(self):
        check_options(self.name, location=self.location, components=self.components, scale=self.scale)
        if self.levels is not None:
            level_support(self.levels, self.name)

    @property
    def parameter_count(self):
        return 3 * self.components

    @cached_property
    def support(self):
        return constraints.real if self.levels is None else level_support(self.levels, self.name)

    def encode(self, value, coefficients=None):
        if self.levels is not None:
            return to_unit(value, self.levels).unsqueeze(-1)
        return ((value - self.location) / self.scale).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return mixture(parameters, self.components, self._logistic)

    def _logistic(self, location, raw):
        # untrained components have log scale -1, a fifth of the range
        log_scale = (raw - 1).clamp(*LOG_SCALES)
        if self.levels is not None:
            return DiscretisedLogistic(location, log_scale, self.levels)
        return Logistic(self.location + self.scale * location, log_scale + math.log(self.scale))

    @classmethod
    def options_for(cls, values):
        levels = levels_of(values)
        return None if levels is None else {"levels": levels}
