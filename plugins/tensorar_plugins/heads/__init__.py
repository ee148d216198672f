"""Heads, in the order in which they are suggested: from the narrowest support to the widest.

Last come those with an assumption that the data cannot confirm: several of them suit the same data.
"""

from tensorar import Head
from tensorar_plugins.heads.bernoulli import BernoulliHead
from tensorar_plugins.heads.beta import BetaHead
from tensorar_plugins.heads.categorical import CategoricalHead
from tensorar_plugins.heads.columns import ColumnsHead
from tensorar_plugins.heads.gaussian import GaussianHead
from tensorar_plugins.heads.gaussian_mixture import GaussianMixtureHead
from tensorar_plugins.heads.log_normal import LogNormalHead
from tensorar_plugins.heads.logistic_mixture import LogisticMixtureHead
from tensorar_plugins.heads.negative_binomial import NegativeBinomialHead
from tensorar_plugins.heads.poisson import PoissonHead
from tensorar_plugins.heads.student_t import StudentTHead

ALL: list[type[Head]] = [
    BernoulliHead,
    CategoricalHead,
    LogisticMixtureHead,
    NegativeBinomialHead,
    GaussianMixtureHead,
    PoissonHead,
    BetaHead,
    LogNormalHead,
    GaussianHead,
    StudentTHead,
    ColumnsHead,
]
