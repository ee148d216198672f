"""What the orders that sort coefficients by their coordinates share."""

from __future__ import annotations

import math

import torch


def coordinate_sum(event_shape):
    """The sum of the coordinates of every coefficient: ``(N,)``, in raster order."""
    flat = torch.arange(math.prod(event_shape))
    return sum(torch.unravel_index(flat, event_shape), start=torch.zeros_like(flat)) if event_shape else flat
