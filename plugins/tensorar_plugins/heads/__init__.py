"""Heads. The first that takes the data is the one suggested: from the narrowest support to the widest.

Last come those of one shape, where several would do: each may be right for the data, but only their owner knows.
"""

from tensorar_plugins.heads.bernoulli import Bernoulli
from tensorar_plugins.heads.beta import BetaHead
from tensorar_plugins.heads.categorical import Categorical
from tensorar_plugins.heads.gaussian import Gaussian
from tensorar_plugins.heads.gaussian_mixture import GaussianMixture
from tensorar_plugins.heads.log_normal import LogNormalHead
from tensorar_plugins.heads.logistic_mixture import LogisticMixture
from tensorar_plugins.heads.negative_binomial import NegativeBinomialHead
from tensorar_plugins.heads.poisson import PoissonHead
from tensorar_plugins.heads.student_t import StudentTHead

ALL = [
    Bernoulli,
    Categorical,
    LogisticMixture,
    NegativeBinomialHead,
    GaussianMixture,
    PoissonHead,
    BetaHead,
    LogNormalHead,
    Gaussian,
    StudentTHead,
]
