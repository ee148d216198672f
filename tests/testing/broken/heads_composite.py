"""Heads made of several, with one defect each: most are right for one kind of coefficients."""

from __future__ import annotations

import torch

from tests.testing.broken.heads import ScaleForgottenInSamples
from tests.testing.reference import InUnits, Survey


class UnitsOfAnotherColumn(Survey):
    """Numbers are in the units of the column before."""

    def transform(self, coefficients=None):
        other = torch.tensor([0, 2, 1], device=coefficients.device)[coefficients % 3]
        return super().transform(coefficients // 3 * 3 + other)


class SupportOfTheFirstKind(Survey):
    """Whether a value is supported does not depend on the coefficient."""

    def supports(self, values, coefficients=None):
        return values.isfinite()


class PaddingIsUsed(Survey):
    """The likelihood of a number depends on a parameter that is not its own."""

    def of_kind(self, kind, parameters, index):
        return super().of_kind(kind, parameters + 0.1 * parameters[..., 2:] * (kind == 1), index)


class FeaturesOverlap(Survey):
    """A number has a feature in the place of an answer's."""

    def encode(self, value, coefficients=None):
        features = super().encode(value, coefficients)
        return features + 0.1 * features[..., 3:]


class NumbersForAnswers(Survey):
    """Answers are drawn from a continuous distribution."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, noise, coefficients) + 0.25 * (self.kinds(coefficients) == 0)


class UnlikelyAnswers(Survey):
    """Probabilities of answers that sum to less than one."""

    def of_kind(self, kind, parameters, index):
        found = super().of_kind(kind, parameters, index)
        if kind == 0:
            log_prob = found.log_prob
            found.log_prob = lambda value: log_prob(value) - 0.1
        return found


class ScaleForgottenInOneColumn(Survey):
    """Numbers are drawn with another scale than that of the likelihood."""

    def draw(self, parameters, noise, coefficients=None):
        pieces, index = self.pieces(coefficients)
        each = zip(pieces.kinds, pieces.take(parameters, 1), pieces.take(noise, 1), index, strict=True)
        drawn = [self.drawn(kind, p, u, own) for kind, p, u, own in each]
        return pieces.join(drawn)

    def drawn(self, kind, parameters, noise, index):
        member = ScaleForgottenInSamples() if kind == 1 else self.members[0]
        return member.draw(parameters[..., : member.parameter_count], noise[..., : member.noise_size], index)


class ShortcutOfTheFirstKind(Survey):
    """A shortcut to log-probabilities that takes all coefficients for those of the first."""

    def log_prob(self, parameters, value, coefficients=None):
        first = torch.zeros_like(coefficients)
        return self.distribution(parameters, first).log_prob(value)


class ForgetsItsUnits(Survey):
    """What was found in the data is not restored."""

    def with_data_state(self, state):
        return self.with_number(InUnits())


CAUGHT = {
    UnitsOfAnotherColumn: "coefficients_are_those_of_members",
    SupportOfTheFirstKind: "coefficients_are_those_of_members",
    PaddingIsUsed: "coefficients_are_those_of_members",
    FeaturesOverlap: "coefficients_are_those_of_members",
    NumbersForAnswers: "any_noise_gives_a_value",
    UnlikelyAnswers: "sums_to_one",
    ScaleForgottenInOneColumn: "samples_follow_log_prob",
    ShortcutOfTheFirstKind: "log_prob_is_that_of_the_distribution",
    ForgetsItsUnits: "data_state_is_complete",
}
