"""Heads that compute on the CPU."""

from __future__ import annotations

import torch

from tests.testing.reference import Bell, BinMixture, Tokens, Weighted


class TableOnTheCPU(BinMixture):
    """A table made on the CPU whatever the device of the parameters."""

    def distribution(self, parameters, coefficients=None):
        offset = torch.tensor([0.0, 0.1, 0, 0, 0, 0], dtype=parameters.dtype)
        return super().distribution(parameters + offset)


class FeaturesOnTheCPU(Tokens):
    """A table of features on the CPU."""

    def encode(self, value, coefficients=None):
        index = torch.where(value.isfinite(), value, self.levels).long()
        return torch.cat([torch.linspace(-1, 1, self.levels), torch.tensor([torch.nan])]).to(value.dtype)[index, None]


class DrawOnTheCPU(Bell):
    """Quantiles from a table on the CPU."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, noise + torch.zeros(1))


class MeanOnTheCPU(Tokens):
    """A mean by levels on the CPU."""

    def distribution(self, parameters, coefficients=None):
        class WithMean(Weighted):
            @property
            def mean(self):
                return self.probs @ torch.arange(self.probs.shape[-1], dtype=self.probs.dtype)

        return WithMean(parameters)


CAUGHT = {
    TableOnTheCPU: "any_device",
    FeaturesOnTheCPU: "any_device",
    DrawOnTheCPU: "any_device",
    MeanOnTheCPU: "any_device",
}
