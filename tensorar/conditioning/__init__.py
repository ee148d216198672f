"""Conditioning on anything: completions and likelihoods given any evidence, exact or by sequential Monte Carlo."""

from tensorar.conditioning.estimate import Estimate
from tensorar.conditioning.likelihood import log_conditional, log_marginal
from tensorar.conditioning.sample import complete_given
from tensorar.conditioning.ways import Conditioning, ConditioningOptions

__all__ = ["Conditioning", "ConditioningOptions", "Estimate", "complete_given", "log_conditional", "log_marginal"]
