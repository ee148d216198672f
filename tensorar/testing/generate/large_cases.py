"""Cases of larger events than those that Hypothesis generates: some faults begin at a size."""

from __future__ import annotations

import math
from typing import Any

import torch

from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.reference_parts import FixedOrder, RandomOrder
from tensorar.testing.kinds import Shape, takes, takes_raster
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.results import CheckSkipped

LARGE_SHAPES: dict[int, tuple[Shape, ...]] = {
    40: ((40,), (5, 8), (2, 4, 5), (2, 2, 2, 5)),
    200: ((200,), (10, 20), (4, 5, 10), (2, 4, 5, 5)),
}


def large_cases(part: PartUnderTest, size: int, **fields: Any) -> list[Case]:
    """A backbone with 40 or 200 coefficients, in up to two shapes: in a scattered order, and in one that varies.

    For a backbone that takes fewer orders, those that it takes. Shapes given for the part replace these: the largest of
    them. Raises ``CheckSkipped`` if no shape is taken.
    """
    shapes = (max(part.shapes, key=math.prod),) if part.shapes else LARGE_SHAPES[size]
    taken = [shape for shape in shapes if takes_raster(part.part, shape)]
    if not taken:
        raise CheckSkipped(f"none of the shapes {', '.join(map(str, shapes))} is taken; name some in shapes=")
    fields = {"backbone": part.part, "options": part.options} | fields
    first, last = taken[0], taken[min(1, len(taken) - 1)]
    return [Case(first, _fixed(part, first), **fields), Case(last, _varying(part, last), **fields)]


def scattered(shape: Shape, seed: int = 0) -> Order:
    """A random permutation."""
    generator = torch.Generator().manual_seed(seed)
    return Order(torch.randperm(math.prod(shape), generator=generator), shape)


def _fixed(part: PartUnderTest, shape: Shape) -> Ordering:
    order = scattered(shape) if part.part.orders == "any" else Order.raster(shape)
    return FixedOrder(steps=tuple(order.visits.tolist()))


def _varying(part: PartUnderTest, shape: Shape) -> Ordering:
    if takes(part.part, shape, ()):
        return RandomOrder(steps=tuple(scattered(shape, seed=1).visits.tolist()))
    # the last axis backwards
    flipped = Order.raster(shape).flip((len(shape) - 1,) if shape else ())
    return FixedOrder(steps=tuple(flipped.visits.tolist()))
