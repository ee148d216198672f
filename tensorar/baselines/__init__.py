"""Baselines: simple distributions fitted to training events, so that the likelihood of a model has neighbours."""

from tensorar.baselines.baseline import Baseline
from tensorar.baselines.fit import Baselines, fit_baselines

__all__ = ["Baseline", "Baselines", "fit_baselines"]
