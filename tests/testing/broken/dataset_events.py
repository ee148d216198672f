"""Datasets with one defect each, in what they load, share, simulate or draw."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from tensorar import Splits
from tests.testing.reference import Coins, Labelled, Numbers, Walks


class SharesOneEvent(Numbers):
    """One training event is a test event, too."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid, torch.cat([splits.train[7:8], splits.test[1:]]))


class SharesARunOfCoins(Coins):
    """The validation events begin with the last training events; of three coins, any event is in all splits."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, torch.cat([splits.train[-40:], splits.valid]), splits.test)


class TestsOnSomeTrainingEvents(Walks):
    """A tenth of the test events are training events; a few are repeated in any split."""

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid, torch.cat([splits.test[:-40], splits.train[100:500:10]]))


@dataclass(frozen=True, kw_only=True)
class AnotherDtypeTheSecondTime(Numbers):
    """The cache that is written while loading has another dtype."""

    def load(self):
        splits = vars(self).setdefault("cached", super().load())
        vars(self)["cached"] = Splits(splits.train.double(), splits.valid.double(), splits.test.double())
        return splits


class OrderOfASet(Numbers):
    """Events in the order of a set of their names."""

    def load(self):
        splits, names = super().load(), {f"event {i}" for i in range(60)}
        return Splits(splits.train[[int(name[6:]) for name in names]], splits.valid, splits.test)


class SeededByAHash(Numbers):
    """Seeds its generator with the hash of its name."""

    def seed(self):
        return hash(self.name) % 2**32


class OrderOfAFolder(Numbers):
    """Events from the files of a folder, in the order in which they are listed."""

    def load(self):
        sizes = [float(len(name)) for name in os.listdir(Path(__file__).parent) if name.endswith(".py")]  # noqa: PTH208
        drawn = (
            torch.randn(60, 4, generator=torch.Generator().manual_seed(0)) + torch.tensor(sizes).repeat(60)[:60, None]
        )
        return Splits(*drawn.split([40, 10, 10]))


class OneCacheForAllSeeds(Labelled):
    """A cache of the class, whatever the seed."""

    known: ClassVar = {}

    def load(self):
        return self.known.setdefault("splits", super().load())


class SeedsNumpy(Numbers):
    """Seeds numpy's global generator."""

    def load(self):
        np.random.seed(0)
        return Splits(*torch.from_numpy(np.random.randn(100, 4)).split([60, 20, 20]))


class SeedsInItsLikelihood(Coins):
    """A likelihood that seeds torch's global generator."""

    def log_prob(self, x):
        torch.manual_seed(0)
        return super().log_prob(x)


class IgnoresItsSeed(Labelled):
    """The same split for every seed."""

    def divided(self, rows):
        order = torch.randperm(900, generator=torch.Generator().manual_seed(0))
        return Splits(*rows[order].split([500, 200, 200]))


@dataclass(frozen=True, kw_only=True)
class MixedDtypesForOneChoice(Numbers):
    """One choice gives validation events in another dtype.

    Options:
        units: Units of the numbers.
    """

    units: Literal["meters", "feet"] = "meters"

    def load(self):
        splits = super().load()
        return Splits(splits.train, splits.valid.double() * 3.28 if self.units == "feet" else splits.valid, splits.test)


class SimulatesMoreLevels(Walks):
    """Simulates bits that may be 2."""

    def simulate(self, n, generator):
        events = super().simulate(n, generator)
        return torch.where(torch.rand(events.shape, generator=generator) < 0.001, 2.0, events)


class DrawsImpossibleEvents(Coins):
    """Draws coins that are sometimes on edge."""

    def draw(self, indices, generator):
        events = super().draw(indices, generator)
        return events + (torch.rand(events.shape, generator=generator) < 0.01)


class SimulatesWithAnotherProbability(Coins):
    """Simulates coins that are more alike than those of the splits."""

    def simulate(self, n, generator):
        first = torch.rand(n, 1, generator=generator) < 0.5
        alike = torch.rand(n, 2, generator=generator) < self.bias + 0.1
        return torch.cat([first, first == alike], dim=1).long()


class SimulatesTheSameEachTime(Walks):
    """Every call with one generator simulates the same."""

    def simulate(self, n, generator):
        return super().simulate(n, torch.Generator().manual_seed(generator.initial_seed() % 2**62))


class SimulatesOneWithoutItsAxis(Walks):
    """A single simulated event has no batch axis."""

    def simulate(self, n, generator):
        return super().simulate(n, generator).squeeze(0)


class SimulatesInPlace(Walks):
    """Simulated events overwrite the training events."""

    def simulate(self, n, generator):
        events = super().simulate(n, generator)
        self.train[: min(n, 500)] = events[:500]
        return events


class DrawsTheEventBefore(Numbers):
    """Draws the events before those of the indices."""

    def draw(self, indices, generator):
        return super().draw(indices - 1, generator)


class DrawsTheFirst(Numbers):
    """Draws the first events, whatever the indices."""

    def draw(self, indices, generator):
        return super().draw(torch.arange(len(indices)) % len(self.train), generator)


class SameNoiseForAll(Numbers):
    """One noise for all events of a call."""

    def draw(self, indices, generator):
        return self.train[indices] + 0.1 * torch.randn(1, 4, generator=generator)


class DrawsInFloat64(Numbers):
    """Draws events of another dtype."""

    def draw(self, indices, generator):
        return super().draw(indices, generator).double()


CAUGHT = {
    SharesOneEvent: "splits_are_disjoint",
    SharesARunOfCoins: "splits_are_disjoint",
    TestsOnSomeTrainingEvents: "splits_are_disjoint",
    AnotherDtypeTheSecondTime: "deterministic",
    OrderOfASet: "same_in_another_process",
    SeededByAHash: "same_in_another_process",
    OrderOfAFolder: "same_in_another_process",
    OneCacheForAllSeeds: "same_in_another_process",
    SeedsNumpy: "leaves_global_state_alone",
    SeedsInItsLikelihood: "leaves_global_state_alone",
    IgnoresItsSeed: "every_option_has_an_effect",
    MixedDtypesForOneChoice: "loads_three_splits",
    SimulatesMoreLevels: "new_events_are_supported",
    DrawsImpossibleEvents: "new_events_are_supported",
    SimulatesWithAnotherProbability: "simulated_events_are_distributed_like_the_data",
    SimulatesTheSameEachTime: "simulated_events_follow_the_generator",
    SimulatesOneWithoutItsAxis: "simulated_events_follow_the_generator",
    SimulatesInPlace: "simulated_events_follow_the_generator",
    DrawsTheEventBefore: "draws_follow_the_indices",
    DrawsTheFirst: "draws_follow_the_indices",
    SameNoiseForAll: "draws_follow_the_generator",
    DrawsInFloat64: "draws_follow_the_generator",
}
