"""Strategies for event shapes and orders."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st

from tensorar.order import Order
from tensorar.testing.kinds import Shape
from tensorar.testing.properties import Draw, composite


@composite
def event_shapes(draw: Draw, *, max_rank: int = 4, max_coefficients: int = 12, min_coefficients: int = 1) -> Shape:
    """Shapes of 0 to ``max_rank`` axes, including axes of size 1, with few coefficients."""
    shape: list[int] = []
    for _ in range(draw(st.integers(0, max_rank))):
        shape.append(draw(st.integers(1, max(max_coefficients // math.prod(shape), 1))))
    while math.prod(shape) < min_coefficients:
        shape = [*shape, 2][-max_rank:]
    return tuple(shape)


@composite
def orders(draw: Draw, event_shape: Shape) -> Order:
    """Any permutation of the coefficients."""
    return Order(torch.tensor(draw(st.permutations(range(math.prod(event_shape))))), event_shape)


@composite
def raster_orders(draw: Draw, event_shape: Shape) -> Order:
    """The raster order up to flips and a permutation of the axes."""
    axes = draw(st.permutations(range(len(event_shape))))
    flips = draw(st.lists(st.sampled_from(range(len(event_shape))), unique=True)) if event_shape else []
    index = torch.arange(math.prod(event_shape)).reshape(event_shape)
    return Order(index.flip(flips).permute(tuple(axes)).flatten(), event_shape)
