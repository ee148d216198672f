"""Coordinates of coefficients."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def coordinates(sizes: tuple[int, ...], device: torch.device | None = None) -> Int[Tensor, "axes n"]:
    """The coordinates of every cell of a grid, in raster order.

    ``torch.unravel_index`` imports sympy, which takes half a second.

    >>> coordinates((2, 2))
    tensor([[0, 0, 1, 1],
            [0, 1, 0, 1]])
    """
    if not sizes:
        return torch.empty(0, 1, dtype=torch.long, device=device)
    ranges = [torch.arange(size, device=device) for size in sizes]
    return torch.stack(torch.meshgrid(*ranges, indexing="ij")).flatten(1)


def coordinate_sum(event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
    """The sum of the coordinates of every coefficient, in raster order."""
    return coordinates(event_shape).sum(0)
