"""Datasets with one defect each."""

from __future__ import annotations

import torch

from tensorar import Splits
from tests.testing.reference import Coins, Numbers


class TestsOnTraining(Numbers):
    """The test events are training events."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid, splits.train[:20])


class OverlapsByALittle(Numbers):
    """The cut between training and validation is off."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, torch.cat([splits.train[-2:], splits.valid]), splits.test)


class NewEveryTime(Numbers):
    """Drawn from the global random state."""

    def seed(self):
        return int(torch.randint(1000, ()))


class SeedsTheProgram(Numbers):
    """Seeds the generator that the whole program shares."""

    def load(self):
        torch.manual_seed(0)
        return super().load()


class SplitsOfSeveralTypes(Numbers):
    """Validation events in another dtype."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid.double(), splits.test)


class NamesTheWrongHead(Coins):
    """Says that a head of two levels takes three."""

    suggested_head = "bernoulli"

    def toss(self, n, generator):
        return super().toss(n, generator) * 2


class ContextsDrawnAnew(Coins):
    """Contexts with noise of the moment."""

    told: bool = True

    def load_contexts(self):
        return Splits(*[torch.randn(len(s), 2) for s in (self.train, self.valid, self.test)])

    def simulate(self, n, generator):
        return None


class FreshWithoutItsGenerator(Coins):
    """Fresh events from the global random state."""

    def simulate(self, n, generator):
        return super().simulate(n, torch.default_generator)


class ChangesWhatIsVisited(Numbers):
    """Adds the noise to the events themselves."""

    def draw(self, indices, generator):
        self.train[indices] += 0.1 * torch.randn(len(indices), 4, generator=generator)
        return self.train[indices]


class LikelihoodNotNormalised(Coins):
    """A likelihood that forgets the first coin."""

    def log_prob(self, x):
        return super().log_prob(x) + 0.7


class LikelihoodOfOther(Coins):
    """Gives events that it draws no probability."""

    def log_prob(self, x):
        return torch.where(x[:, 0] == 1, super().log_prob(x), -torch.inf)


class ConditionalOfTheMean(Coins):
    """Conditionals that do not look at what is known."""

    def conditional(self, evidence):
        return torch.distributions.Bernoulli(torch.full((len(evidence),), 0.5, dtype=torch.float64))


CAUGHT = {
    TestsOnTraining: "splits_are_apart",
    OverlapsByALittle: "splits_are_apart",
    NewEveryTime: "the_same_each_time",
    SeedsTheProgram: "leaves_the_global_random_state_alone",
    SplitsOfSeveralTypes: "loads_three_splits",
    NamesTheWrongHead: "a_head_takes_the_values",
    ContextsDrawnAnew: "contexts_match",
    FreshWithoutItsGenerator: "fresh_events_follow_the_generator",
    ChangesWhatIsVisited: "visits_follow_the_generator",
    LikelihoodNotNormalised: "likelihoods_are_probabilities",
    LikelihoodOfOther: "likelihoods_are_probabilities",
    ConditionalOfTheMean: "conditionals_are_those_of_the_likelihood",
}
