"""Datasets with one defect each."""

from __future__ import annotations

import torch

from tensorar import Splits
from tests.testing.reference import Blanks, Coins, Numbers


class TestsOnTraining(Numbers):
    """Test events that are training events."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid, splits.train[:20])


class OverlapsByALittle(Numbers):
    """Training and validation splits that overlap by two events."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, torch.cat([splits.train[-2:], splits.valid]), splits.test)


class NewEveryTime(Numbers):
    """Drawn from the global random state."""

    def seed(self):
        return int(torch.randint(1000, ()))


class SeedsTheProgram(Numbers):
    """Seeds torch's global generator."""

    def load(self):
        torch.manual_seed(0)
        return super().load()


class SplitsOfSeveralTypes(Numbers):
    """Validation events in another dtype."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid.double(), splits.test)


class NamesTheWrongHead(Coins):
    """Suggests a head of two levels for three."""

    suggested_head = "bernoulli"

    def toss(self, n, generator):
        return super().toss(n, generator) * 2


class ContextsDrawnAnew(Coins):
    """Contexts with new noise at every load."""

    with_context: bool = True

    def load_contexts(self):
        return Splits(*[torch.randn(len(s), 2) for s in (self.train, self.valid, self.test)])

    def simulate(self, n, generator):
        return None


class SimulatesWithoutItsGenerator(Coins):
    """Simulates events from the global random state."""

    def simulate(self, n, generator):
        return super().simulate(n, torch.default_generator)


class DrawsInPlace(Numbers):
    """Adds the noise to the stored events."""

    def draw(self, indices, generator):
        self.train[indices] += 0.1 * torch.randn(len(indices), 4, generator=generator)
        return self.train[indices]


class LikelihoodNotNormalized(Coins):
    """A likelihood without a factor for the first coin."""

    def log_prob(self, x):
        return super().log_prob(x) + 0.7


class ImpossibleEvents(Coins):
    """Probability 0 for events of the data."""

    def log_prob(self, x):
        return torch.where(x[:, 0] == 1, super().log_prob(x), -torch.inf)


class IgnoresTheEvidence(Coins):
    """Conditionals that do not depend on the evidence."""

    def conditional(self, evidence):
        return torch.distributions.Bernoulli(torch.full((len(evidence),), 0.5, dtype=torch.float64))


class CountsFromTheFirst(Blanks):
    """Evidence that depends on the other events asked for."""

    def place(self, rows):
        return torch.arange(len(rows))


class NamesTwoAxesAlike(Numbers):
    """All axes have one name."""

    @property
    def axes(self):
        return ("width",) * len(self.event_shape) if len(self.event_shape) > 1 else ("Width",)


CAUGHT = {
    NamesTwoAxesAlike: "names_its_axes",
    TestsOnTraining: "splits_are_disjoint",
    OverlapsByALittle: "splits_are_disjoint",
    NewEveryTime: "deterministic",
    SeedsTheProgram: "leaves_global_state_alone",
    SplitsOfSeveralTypes: "loads_three_splits",
    NamesTheWrongHead: "a_head_supports_the_values",
    ContextsDrawnAnew: "contexts_match",
    SimulatesWithoutItsGenerator: "simulated_events_follow_the_generator",
    DrawsInPlace: "draws_follow_the_generator",
    LikelihoodNotNormalized: "likelihoods_are_probabilities",
    ImpossibleEvents: "likelihoods_are_probabilities",
    CountsFromTheFirst: "evidence_fits_the_events",
    IgnoresTheEvidence: "conditionals_add_up_to_log_prob",
}
