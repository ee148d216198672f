"""Adaptive orderings, and networks for adaptive orders, with one defect each."""

from __future__ import annotations

import torch

from tests.testing.reference.adaptive import Certain, Pairs, PairsStepper


class ChoosesKnownCoefficients(Certain):
    """Forgets what is known."""

    def choose(self, entropy, known):
        return entropy.argmin(1)


class ChoosesAtRandom(Certain):
    """Breaks ties, and everything else, by chance."""

    def choose(self, entropy, known):
        return torch.rand_like(entropy).masked_fill(known, torch.inf).argmin(1)


class ChoosesByTheMean(Certain):
    """Compares with the other examples of the batch."""

    def choose(self, entropy, known):
        return (entropy - entropy.mean(0)).masked_fill(known, torch.inf).argmin(1)


class PrefersTheLast(Certain):
    """Of equal entropies the last."""

    def choose(self, entropy, known):
        return entropy.shape[1] - 1 - entropy.masked_fill(known, torch.inf).flip(1).argmin(1)


class SkipsForGood(Pairs):
    """A skipped step is not taken in."""

    def candidate_stepper(self, order, batch, context=None):
        return SkippingStepper(self, order, batch, context)


class SkippingStepper(PairsStepper):
    """Forgets the features of a skipped step."""

    def skip(self, features):
        self.t += 1


CAUGHT = {
    ChoosesKnownCoefficients: "chooses_unknown_coefficients",
    ChoosesAtRandom: "choices_are_deterministic",
    ChoosesByTheMean: "choices_are_deterministic",
    PrefersTheLast: "ties_go_to_the_lowest_index",
    SkipsForGood: "candidates_are_the_forward_pass",
}
