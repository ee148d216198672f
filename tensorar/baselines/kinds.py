"""Which coefficients have probabilities, and which densities: their nats have different units."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool
from torch import Tensor

from tensorar.head import Head


def discrete_coefficients(head: Head, event_shape: tuple[int, ...]) -> Bool[Tensor, " n"]:
    """Whether each coefficient (flat) has a probability under a head, rather than a density."""
    coefficients = torch.arange(math.prod(event_shape)).reshape(event_shape)
    discrete = torch.tensor([bool(member.support.is_discrete) for member in head.members])
    return discrete[head.kinds(coefficients).flatten()]
