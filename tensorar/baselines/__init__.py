"""Baselines: simple distributions fitted to training events, so that the likelihood of a model has neighbours."""

from tensorar.baselines.baseline import Baseline
from tensorar.baselines.fit import Baselines, fit_baselines
from tensorar.baselines.kinds import discrete_coefficients

__all__ = ["Baseline", "Baselines", "discrete_coefficients", "fit_baselines"]
