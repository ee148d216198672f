"""Coordinates of coefficients."""

from __future__ import annotations

from collections.abc import Sequence

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


def lexicographic(keys: Sequence[Int[Tensor, " n"]], n: int) -> Int[Tensor, " n"]:
    """The indices ``0 .. n - 1`` sorted by the first key, ties by the next ones, remaining ties by the index.

    >>> lexicographic([torch.tensor([1, 0, 1]), torch.tensor([5, 0, 3])], 3)
    tensor([1, 2, 0])
    """
    order = torch.arange(n)
    for key in reversed(keys):
        order = order[key[order].argsort(stable=True)]
    return order
