"""Heads. Listed from the narrowest support to the widest: the first that takes the data is the one suggested."""

from tensorar_plugins.heads.bernoulli import Bernoulli
from tensorar_plugins.heads.categorical import Categorical
from tensorar_plugins.heads.gaussian_mixture import GaussianMixture
from tensorar_plugins.heads.logistic_mixture import LogisticMixture

ALL = [Bernoulli, Categorical, LogisticMixture, GaussianMixture]
