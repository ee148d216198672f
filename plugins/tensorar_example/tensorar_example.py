"""An ordering and a head, as a third party would write them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.distributions import constraints

from tensorar import Head, Ordering, hookimpl

# the logit of one success in some twenty thousand
MOST = 10.0


@dataclass(frozen=True, kw_only=True)
class Outward(Ordering):
    """From the centre of the tensor outwards, whatever its rank; inward=true goes the other way."""

    name = "outward"
    inward: bool = False

    def visits(self, event_shape):
        flat = torch.arange(math.prod(event_shape))
        offsets = [
            (coordinate - (size - 1) / 2) ** 2
            for coordinate, size in zip(torch.unravel_index(flat, event_shape), event_shape, strict=True)
        ]
        distance = sum(offsets, start=torch.zeros(len(flat)))
        return distance.argsort(stable=True, descending=self.inward)


@dataclass(frozen=True, kw_only=True)
class Geometric(Head):
    """Counts of failures before a success: one logit per coefficient."""

    name = "geometric"
    parameter_count = 1
    feature_count = 1
    support = constraints.nonnegative_integer

    def encode(self, value, coefficients=None):
        return value.log1p().unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        # bent, so that no parameter makes success certain or hopeless
        logits = MOST * (parameters[..., 0] / MOST).tanh()
        return torch.distributions.Geometric(logits=logits, validate_args=False)


@hookimpl
def tensorar_orderings():
    """The ordering of this plugin."""
    return [Outward]


@hookimpl
def tensorar_heads():
    """The head of this plugin."""
    return [Geometric]
