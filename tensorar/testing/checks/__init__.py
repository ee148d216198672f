"""The checks of the conformance kit, registered by importing this package."""

from tensorar.testing.checks import (
    backbones,
    bases,
    causality,
    dataset_likelihoods,
    datasets,
    declarations,
    evidence_backbones,
    generation,
    head_features,
    head_samples,
    heads,
    orderings,
    persistence,
    random_orderings,
    sampling,
    steppers,
    whole_models,
)
from tensorar.testing.registration import CHECKS_BY_KIND

__all__ = [
    "CHECKS_BY_KIND",
    "backbones",
    "bases",
    "causality",
    "dataset_likelihoods",
    "datasets",
    "declarations",
    "evidence_backbones",
    "generation",
    "head_features",
    "head_samples",
    "heads",
    "orderings",
    "persistence",
    "random_orderings",
    "sampling",
    "steppers",
    "whole_models",
]
