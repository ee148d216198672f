"""An ordering and a head, as a third party would write them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Geometric, constraints

from tensorar import Head, Ordering, hookimpl

# the logit of one success in about twenty thousand trials
MAX_LOGIT = 10.0


@dataclass(frozen=True, kw_only=True)
class Outward(Ordering):
    """From the center of the tensor outwards, for any number of axes.

    Options:
        inward: Whether to start at the corners and end at the center.
    """

    name = "outward"
    inward: bool = False

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        """Flat indices sorted by distance from the center; ties in raster order."""
        flat = torch.arange(math.prod(event_shape))
        squared_distance = torch.zeros(len(flat))
        for coordinate, size in zip(torch.unravel_index(flat, event_shape), event_shape, strict=True):
            squared_distance += (coordinate - (size - 1) / 2) ** 2
        return squared_distance.argsort(stable=True, descending=self.inward)


@dataclass(frozen=True, kw_only=True)
class GeometricHead(Head):
    """Counts of failures before the first success: one logit per coefficient."""

    name = "geometric"
    parameter_count = 1
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(
        self, value: Float[Tensor, "*coefficients"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*coefficients features"]:
        """The logarithm of ``1 + value``, as the only feature."""
        return value.log1p().unsqueeze(-1)

    def distribution(
        self, parameters: Float[Tensor, "*coefficients parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Geometric:
        """A geometric distribution for each coefficient."""
        # bounded smoothly, so that no parameter gives a probability of success of 0 or 1
        logits = MAX_LOGIT * (parameters[..., 0] / MAX_LOGIT).tanh()
        return Geometric(logits=logits, validate_args=False)


@hookimpl
def tensorar_orderings() -> list[type[Ordering]]:
    """The ordering of this plugin."""
    return [Outward]


@hookimpl
def tensorar_heads() -> list[type[Head]]:
    """The head of this plugin."""
    return [GeometricHead]
