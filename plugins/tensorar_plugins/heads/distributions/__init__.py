"""Torch distributions: subclasses that stay exact in float32, and distributions that torch lacks."""

from tensorar_plugins.heads.distributions.continuous import Beta, OpenInterval, StudentT
from tensorar_plugins.heads.distributions.discrete import Levels, NegativeBinomial, Poisson
from tensorar_plugins.heads.distributions.logistic import DiscretizedLogistic, Logistic

__all__ = [
    "Beta",
    "DiscretizedLogistic",
    "Levels",
    "Logistic",
    "NegativeBinomial",
    "OpenInterval",
    "Poisson",
    "StudentT",
]
