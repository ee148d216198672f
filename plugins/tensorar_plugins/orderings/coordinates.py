"""Coordinates of coefficients, by which some orders sort."""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Tensor


def coordinate_sum(event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
    """The sum of the coordinates of every coefficient, in raster order."""
    flat = torch.arange(math.prod(event_shape))
    return sum(torch.unravel_index(flat, event_shape), start=torch.zeros_like(flat)) if event_shape else flat
