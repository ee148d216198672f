"""Properties of the orders that batches are trained in."""

from __future__ import annotations

import torch

from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.testing.checks.orderings import some_taken
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import unchanged_global_state
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

PROGRESS = (0.0, 0.3, 0.7, 1.0)
BATCHES = 8


@check("ordering")
def batches_draw_as_declared(part: PartUnderTest) -> None:
    """At any progress of the training, batches draw orders of the shape, as their generator determines.

    A fixed ordering trains in its order, an ensemble in the orders that it lists.
    """
    ordering = part.instance
    for shape in some_taken(part):
        for progress in PROGRESS:
            with unchanged_global_state(f"drawing the orders of batches (shape {shape})"):
                drawn = _drawn(ordering, shape, progress)
            if _drawn(part.make(), shape, progress) != drawn:
                raise CheckFailed(f"the same generator state trains in other orders at {progress:.0%} (shape {shape})")
            _require_declared(ordering, shape, drawn)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _drawn(ordering: Ordering, shape: Shape, progress: float) -> list[Order]:
    generator = torch.Generator().manual_seed(3)
    return [ordering.for_batch(progress, generator).draw(shape, generator) for _ in range(BATCHES)]


def _require_declared(ordering: Ordering, shape: Shape, drawn: list[Order]) -> None:
    if any(order.event_shape != shape for order in drawn):
        raise CheckFailed(f"a batch trains in an order of another shape than {shape}")
    declared = ordering.orders(shape)
    if declared and not set(drawn) <= set(declared):
        raise CheckFailed(f"a batch trains in an order that orders does not list (shape {shape})")
