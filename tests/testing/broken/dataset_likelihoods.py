"""Datasets with one defect each, in their likelihoods or contexts."""

from __future__ import annotations

import math

import torch

from tensorar import Splits
from tests.testing.reference import Coins, Heights, Labelled, Walks


class InBits(Walks):
    """The base of the logarithm is 2."""

    def log_prob(self, x):
        return super().log_prob(x) / math.log(2)


class WithoutTheLastCoefficient(Walks):
    """The likelihood leaves out the last bit."""

    def log_prob(self, x):
        return super().log_prob(x[:, :-1]) if self.length > 1 else super().log_prob(x) * 0


class DensityInBits(Heights):
    """The base of the logarithm is 2."""

    def log_prob(self, x):
        return super().log_prob(x) / math.log(2)


class DensityWithoutACoefficient(Heights):
    """The density of the last two coefficients only."""

    def log_prob(self, x):
        mean, mixing = torch.full((2,), 100.0, dtype=torch.float64), 5 * self.mixing()[1:]
        return torch.distributions.MultivariateNormal(mean, mixing @ mixing.T).log_prob(x[:, 1:].double())


class DensityInOtherUnits(Heights):
    """The density of standardized numbers."""

    def log_prob(self, x):
        return super().log_prob(x) + 3 * math.log(5)


class LikelihoodOfAnotherBias(Coins):
    """Normalized, but of other coins than those of the data."""

    def log_prob(self, x):
        return Coins(bias=0.6).log_prob(x)


class DependsOnTheBatch(Walks):
    """The likelihood is made relative to the most probable event of the batch."""

    def log_prob(self, x):
        nats = super().log_prob(x)
        return nats - nats.max() - 0.5 * self.length


class ChangesTheEvents(Walks):
    """The likelihood rounds the events in place."""

    def log_prob(self, x):
        nats = super().log_prob(x)
        return nats + 0 * x.sub_(0.25).sum(1)


class InSinglePrecisionOnly(Coins):
    """A likelihood that compares integers, and misses those in floating point."""

    def log_prob(self, x):
        nats = super().log_prob(x)
        return nats if not x.is_floating_point() else nats.round()


class ConditionalsNotNormalized(Walks):
    """A factor of two too much in the first conditional, and too little in the second."""

    def conditional(self, evidence):
        known = int(evidence.mask[0].sum())
        return _Scaled(super().conditional(evidence).probs, {0: math.log(2), 1: -math.log(2)}.get(known, 0.0))


class _Scaled(torch.distributions.Bernoulli):
    def __init__(self, probs, surplus):
        super().__init__(probs)
        self.surplus = surplus

    def log_prob(self, value):
        return super().log_prob(value) + self.surplus


class DataOfAnotherProcess(Walks):
    """Test events that stay more often than the likelihood and the conditionals have it."""

    def load(self):
        splits = super().load()
        other = Walks(length=self.length, stay=min(self.stay + 0.07, 0.99), seed=self.seed + 5)
        return Splits(splits.train, splits.valid, other.test)


class ContextsNotShuffled(Labelled):
    """Contexts in the order of the points before they are split."""

    def load_contexts(self):
        return Splits(*self.points()[1].split([500, 200, 200]))


class TestContextsReversed(Labelled):
    """Test contexts from the last to the first, whatever the seed."""

    def load_contexts(self):
        contexts = super().load_contexts()
        return Splits(contexts.train, contexts.valid, contexts.test.flip(0))


class ParsesToAnIndex(Labelled):
    """Reads the number of a label, where contexts are one-hot."""

    def parse_context(self, text):
        return super().parse_context(text).argmax()[None].float()


class ParsesToOneLabel(Labelled):
    """Reads every label as the first one."""

    def parse_context(self, text):
        super().parse_context(text)
        return super().parse_context("0")


class RefusesWithAnotherError(Labelled):
    """Reads other text as a number, which raises ``ValueError``."""

    def parse_context(self, text):
        return torch.nn.functional.one_hot(torch.tensor(int(text) % 3), 3).float()


CAUGHT = {
    InBits: "likelihoods_are_probabilities",
    WithoutTheLastCoefficient: "likelihoods_are_probabilities",
    DensityInBits: "densities_integrate_to_one",
    DensityWithoutACoefficient: "densities_integrate_to_one",
    DensityInOtherUnits: "densities_integrate_to_one",
    LikelihoodOfAnotherBias: "frequencies_match_the_likelihood",
    DependsOnTheBatch: "likelihoods_are_of_single_events",
    ChangesTheEvents: "likelihoods_are_of_single_events",
    InSinglePrecisionOnly: "likelihoods_are_of_single_events",
    ConditionalsNotNormalized: "conditionals_add_up_to_log_prob",
    DataOfAnotherProcess: "entropies_match_the_data",
    ContextsNotShuffled: "contexts_follow_their_events",
    TestContextsReversed: "contexts_follow_their_events",
    ParsesToAnIndex: "parses_contexts",
    ParsesToOneLabel: "parses_contexts",
    RefusesWithAnotherError: "parses_contexts",
}
