"""Heads that break with other sizes or coefficients, or after other calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch.distributions import Normal

from tests.testing.reference import Bell, BinMixture, Bins, Columns, Tokens


class RepeatsBeyond64(Bell):
    """Draws at most 64 different values at once."""

    def draw(self, parameters, noise, coefficients=None):
        index = torch.arange(len(noise)) % 64 if noise.ndim > 1 else slice(None)
        return super().draw(parameters, noise[index])


class EmptyBatchRefused(BinMixture):
    """Normalizes by the largest parameter of the batch, of which an empty one has none."""

    def weights(self, raw):
        return (raw - raw.max()).softmax(-1)


class TableOfTheFirst(BinMixture):
    """A table kept in the class: the first number of levels is that of all later heads."""

    edges: ClassVar[dict[str, torch.Tensor]] = {}

    class kind(Bins):  # noqa: N801
        """Edges from the class."""

        def probabilities(self):
            table = TableOfTheFirst.edges
            if "edges" not in table:
                table["edges"] = torch.arange(1, self.levels, dtype=torch.float64) / self.levels
            edges = table["edges"].to(self.location.dtype)
            below = ((edges[:, None] - self.location.unsqueeze(-2)) / self.scale.unsqueeze(-2)).sigmoid()
            return self.of_bins((below * self.weights.unsqueeze(-2)).sum(-1))


@dataclass(frozen=True, kw_only=True)
class TableOfTheLast(Tokens):
    """A constructor that changes a table of all heads of the class."""

    size: ClassVar[list[int]] = [256]

    def __post_init__(self):
        self.size[0] = self.levels

    def encode(self, value, coefficients=None):
        return super().encode(value * self.levels / self.size[0])


class PrecisionOfTheFirst(Bell):
    """A constant kept in the dtype of the first call."""

    def distribution(self, parameters, coefficients=None):
        if "_floor" not in self.__dict__:
            self.__dict__["_floor"] = torch.tensor(0.01, dtype=parameters.dtype)
        location, raw = parameters.unbind(-1)
        return Normal(location, self.__dict__["_floor"].to(raw.dtype) + F.softplus(raw), validate_args=False)


class TableOfInference(Bell):
    """A constant made at the first call, which training cannot use if that was in inference mode."""

    def distribution(self, parameters, coefficients=None):
        if "_scale" not in self.__dict__:
            self.__dict__["_scale"] = torch.ones(1)
        location, raw = parameters.unbind(-1)
        return Normal(location, 0.01 + F.softplus(raw) * self.__dict__["_scale"], validate_args=False)


class TableOfHundred(Columns):
    """A table of units of the first hundred coefficients."""

    def unit(self, coefficients, like):
        if coefficients is not None:
            coefficients = torch.arange(100, device=like.device)[coefficients]
        return super().unit(coefficients, like)


class UsesTheNextNoise(Bell):
    """Draws from torch's random state beside the noise."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, (noise + torch.rand_like(noise)) % 1)


class CentersTheBatch(Bell):
    """Features relative to the mean of the batch."""

    def encode(self, value, coefficients=None):
        return super().encode(value - value.mean(0, keepdim=True))


class CountsItsCalls(Bell):
    """A scale that changes with every call."""

    def distribution(self, parameters, coefficients=None):
        calls = self.__dict__["_calls"] = self.__dict__.get("_calls", 0) + 1
        normal = super().distribution(parameters)
        return Normal(normal.loc, normal.scale * (1 + 1e-3 * min(calls, 1000)), validate_args=False)


class DrawsTheFirstColumn(Columns):
    """Draws every coefficient in the units of the first."""

    def draw(self, parameters, noise, coefficients=None):
        return super().draw(parameters, noise)


class EncodesByPosition(Columns):
    """Features by the position in the tensor instead of the coefficient."""

    def encode(self, value, coefficients=None):
        place = torch.arange(value.numel()).reshape(value.shape) if coefficients is not None else None
        return super().encode(value, place)


class CoefficientsOfOneShape(Columns):
    """Requires an index for each parameter, without broadcasting."""

    def distribution(self, parameters, coefficients=None):
        if coefficients is not None and coefficients.ndim:
            coefficients = coefficients.reshape(-1)[-parameters[0, ..., 0].numel() :].reshape(parameters.shape[1:-1])
        return super().distribution(parameters, coefficients)


class NotNormalizedForOdd(Columns):
    """A density that is scaled wrongly for every second coefficient."""

    def distribution(self, parameters, coefficients=None):
        unit = self.unit(coefficients, parameters)

        class Off(Normal):
            def log_prob(self, value):
                return super().log_prob(value) + unit.log()

        normal = super().distribution(parameters, coefficients)
        return Off(normal.loc, normal.scale, validate_args=False)


CAUGHT = {
    RepeatsBeyond64: "any_noise_gives_a_value",
    EmptyBatchRefused: "empty_batches",
    TableOfTheFirst: "sums_to_one",
    TableOfTheLast: "earlier_calls_have_no_effect",
    PrecisionOfTheFirst: "earlier_calls_have_no_effect",
    TableOfInference: "trains_after_inference",
    TableOfHundred: "coefficients_are_independent",
    UsesTheNextNoise: "any_noise_gives_a_value",
    CentersTheBatch: "coefficients_are_independent",
    CountsItsCalls: "earlier_calls_have_no_effect",
    DrawsTheFirstColumn: "samples_follow_log_prob",
    EncodesByPosition: "coefficients_are_independent",
    CoefficientsOfOneShape: "coefficients_are_independent",
    NotNormalizedForOdd: "sums_to_one",
}
