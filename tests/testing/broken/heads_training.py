"""Heads whose start of training or suggested options do not suit the data."""

from __future__ import annotations

import torch

from tests.testing.reference import Bell, BinMixture, Counts, Share


class RawStandardDeviation(Bell):
    """A standard deviation in place of the parameter that gives it."""

    def marginal_parameters(self, values):
        return torch.stack([values.mean(0), values.std(0, correction=0)], dim=-1)


class MeanAndScaleSwapped(Bell):
    """The marginal parameters in the wrong order."""

    def marginal_parameters(self, values):
        return super().marginal_parameters(values).flip(-1)


class LogarithmOfNothing(Bell):
    """A scale that is minus infinity for constant data."""

    def marginal_parameters(self, values):
        return torch.stack([values.mean(0), values.std(0, correction=0).log()], dim=-1)


class SampleOfOne(Bell):
    """A standard deviation that is NaN for a single event."""

    def marginal_parameters(self, values):
        scale = (values.std(0) - 0.01).clamp(min=1e-3)
        return torch.stack([values.mean(0), scale + (-torch.expm1(-scale)).log()], dim=-1)


class MeanOfTheFirst(Counts):
    """Every coefficient starts from the first one's mean."""

    def marginal_parameters(self, values):
        return super().marginal_parameters(values).flatten(0, -2)[:1].expand(*values.shape[1:], 1)


class MeanInsteadOfItsLogarithm(Counts):
    """A mean in place of its logarithm."""

    def marginal_parameters(self, values):
        return values.mean(0).unsqueeze(-1)


class MeanInsteadOfItsLogit(Share):
    """The mean and the spread of the values in place of those of their logits."""

    def marginal_parameters(self, values):
        return torch.stack([values.mean(0), values.std(0, correction=0)], dim=-1)


class SuggestsItselfForAnything(Share):
    """Suggested for values outside of its support."""

    @classmethod
    def options_for(cls, values):
        return {}


class SuggestsForTheFirstEvent(BinMixture):
    """The number of levels of the first event."""

    @classmethod
    def options_for(cls, values):
        return {"levels": int(values.double().nan_to_num()[0].max()) + 1}


class SuggestsAnUnknownOption(Counts):
    """Suggests an option that it does not have."""

    @classmethod
    def options_for(cls, values):
        return {"rate": 1.0}


CAUGHT = {
    RawStandardDeviation: "marginal_parameters_fit_the_data",
    MeanAndScaleSwapped: "marginal_parameters_fit_the_data",
    LogarithmOfNothing: "marginal_parameters_are_valid",
    SampleOfOne: "marginal_parameters_are_valid",
    MeanOfTheFirst: "marginal_parameters_fit_the_data",
    MeanInsteadOfItsLogarithm: "marginal_parameters_fit_the_data",
    MeanInsteadOfItsLogit: "marginal_parameters_fit_the_data",
    SuggestsItselfForAnything: "suggested_options_support_the_values",
    SuggestsForTheFirstEvent: "suggested_options_support_the_values",
    SuggestsAnUnknownOption: "suggested_options_support_the_values",
}
