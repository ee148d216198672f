"""Cases around the part under test: a backbone, head, ordering or class of models with reference parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.testing.generate.cases import Case, model_cases
from tensorar.testing.generate.reference_parts import (
    Coin,
    FixedOrder,
    ForwardBackward,
    Linear,
    LinearEvidence,
    RandomOrder,
)
from tensorar.testing.generate.shapes import event_shapes, orders, raster_orders
from tensorar.testing.kinds import Shape, ordering_takes, takes, takes_raster
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import Draw, composite
from tensorar.testing.results import CheckSkipped

# small shapes first: the first failure is the one reported
GROWING_SHAPES: tuple[Shape, ...] = (
    (),
    (1,),
    (2,),
    (4,),
    (2, 2),
    (1, 3),
    (3, 3),
    (2, 1, 2),
    (2, 2, 3),
    (2, 1, 2, 2),
)


def cases_of(part: PartUnderTest, *, max_coefficients: int = 8, **narrowed: Any) -> SearchStrategy[Case]:
    """Cases with the part under test, in the shapes and orders that it takes.

    ``narrowed`` are arguments of ``model_cases`` for fewer heads or contexts, and ``varying=True`` for random orders.
    """
    shapes = some_shapes(part, max_coefficients)
    return {"backbone": _with_backbone, "head": _with_head, "ordering": _with_ordering, "model": _of_class}[part.kind](
        part, shapes, **narrowed
    )


def _with_backbone(
    part: PartUnderTest, shapes: SearchStrategy[Shape], varying: bool = False, **narrowed: Any
) -> SearchStrategy[Case]:
    def orderings(shape: Shape) -> SearchStrategy[Ordering]:
        drawn = raster_orders(shape) if part.part.orders == "raster" else orders(shape)
        if not takes(part.part, shape, ()):
            return reference_orderings(drawn, (FixedOrder,))
        return reference_orderings(drawn, (RandomOrder,) if varying else (FixedOrder, RandomOrder))

    taken = shapes.filter(lambda shape: takes_raster(part.part, shape))
    return model_cases(taken, orderings, backbone=part.part, options=part.options, **({"contexts": (0, 2)} | narrowed))


def _with_head(part: PartUnderTest, shapes: SearchStrategy[Shape]) -> SearchStrategy[Case]:
    return model_cases(shapes, lambda shape: reference_orderings(orders(shape), (FixedOrder,)), heads=[part.instance])


def _with_ordering(part: PartUnderTest, shapes: SearchStrategy[Shape]) -> SearchStrategy[Case]:
    taken = shapes.filter(lambda shape: ordering_takes(part.instance, shape))
    network = LinearEvidence if part.part.adaptive else Linear
    return model_cases(taken, lambda shape: st.just(part.instance), heads=[Coin()], backbone=network)


def _of_class(part: PartUnderTest, shapes: SearchStrategy[Shape]) -> SearchStrategy[Case]:
    classes = (FixedOrder, RandomOrder, ForwardBackward)
    return model_cases(
        shapes, lambda shape: reference_orderings(orders(shape), classes), contexts=(0, 2), model_class=part.part
    )


@composite
def reference_orderings(draw: Draw, drawn: SearchStrategy[Order], classes: Sequence[type[FixedOrder]]) -> Ordering:
    """One of the reference orderings, around any of these orders."""
    steps = tuple(draw(drawn).visits.tolist())
    return draw(st.sampled_from(classes))(steps=steps)  # type: ignore[no-any-return]


def some_shapes(part: PartUnderTest, max_coefficients: int) -> SearchStrategy[Shape]:
    """Shapes with at most so many coefficients, among those given if any are (the smallest if all are larger)."""
    if part.shapes is None:
        return event_shapes(max_coefficients=max_coefficients)
    few = [shape for shape in part.shapes if math.prod(shape) <= max_coefficients]
    return st.sampled_from(few or [min(part.shapes, key=math.prod)])


def growing_cases(part: PartUnderTest, shapes: Sequence[Shape] = GROWING_SHAPES, **fields: Any) -> list[Case]:
    """A backbone in raster order, in each of a few shapes that it takes, small ones first.

    Shapes given for the part replace ``shapes``; ``fields`` are other fields of ``Case``. Raises ``CheckSkipped`` if no
    shape is taken.
    """
    candidates = sorted(part.shapes, key=math.prod) if part.shapes else shapes
    taken = [shape for shape in candidates if takes_raster(part.part, shape)]
    if not taken:
        raise CheckSkipped(f"none of the shapes {', '.join(map(str, candidates))} is taken; name some in shapes=")
    fields |= {"backbone": part.part, "options": part.options}
    return [Case(shape, FixedOrder(steps=tuple(range(math.prod(shape)))), **fields) for shape in taken]
