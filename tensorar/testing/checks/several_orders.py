"""Orders that a network was built for together, or was not built for at all."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from tensorar.backbone import CausalBackbone
from tensorar.errors import ShapeError
from tensorar.generation.steppers import make_stepper
from tensorar.generation.visits import Visits
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.checks.comparison import describing
from tensorar.testing.checks.leaks import conditional_of, dependencies, require_no_leak, visited_coefficient
from tensorar.testing.checks.stepped_events import SteppedEvents
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.large_cases import LARGE_SHAPES, scattered
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.generate.reference_parts import FixedOrder, ForwardBackward, RandomOrder
from tensorar.testing.kinds import Shape, is_causal, takes
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

SHAPES: tuple[Shape, ...] = ((6,), (2, 3), (2, 2, 2), (1, 2, 2, 2))
# orders that a cache might take for the same agree in so many of the first of 40 steps
EQUAL_STEPS = 20


@check("backbone", when=is_causal)
def right_in_several_orders(part: PartUnderTest) -> None:
    """A network built for an ensemble or for all orders is right in each of them, forward and in steps."""
    tested = False
    for case in growing_cases(part, shapes=SHAPES)[:2]:
        ensemble = replace(case, ordering=ForwardBackward(steps=case.ordering.steps))  # type: ignore[attr-defined]
        orders = ensemble.ordering.orders(case.event_shape)
        if takes(part.part, case.event_shape, orders):
            _require_right(ensemble, orders)
            tested = True
    for case in growing_cases(part, shapes=LARGE_SHAPES[40])[:1]:
        if takes(part.part, case.event_shape, ()):
            varying = replace(case, ordering=RandomOrder(steps=case.ordering.steps))  # type: ignore[attr-defined]
            _require_right(varying, _similar_orders(case.event_shape))
            tested = True
    if not tested:
        raise CheckSkipped("the backbone takes one order at a time")


@check("backbone", when=is_causal)
def another_order_is_right_or_refused(part: PartUnderTest) -> None:
    """In an order that a network was not built for, it has no leak, and equal steps, or raises a ``ShapeError``."""
    for case in growing_cases(part, shapes=SHAPES)[:2]:
        backbone = case.model().backbone
        backwards = Order(torch.arange(math.prod(case.event_shape)).flip(0), case.event_shape)
        for order in (backwards, scattered(case.event_shape)):
            model = _in_order(case, backbone, order)
            with describing(replace(case, ordering=model.ordering), "in an order that it was not built for, "):
                _require_right_or_refused(model, case)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_right(case: Case, orders: tuple[Order, ...]) -> None:
    """Require that one network has no leak in any of these orders, and steps as in the forward pass in turns."""
    backbone = case.model().backbone
    models = [_in_order(case, backbone, order) for order in orders]
    for model in models:
        with describing(replace(case, ordering=model.ordering), "among several orders, "):
            require_no_leak(model, case, steps=range(0, len(model.order), 1 + len(model.order) // 12))
            if len(model.order) < EQUAL_STEPS:
                _require_past(model, case)
    with describing(case, "in several orders, "):
        walks = [SteppedEvents.of(case, model) for model in models]
        for _ in walks[0].visits:
            for walk in walks:
                walk.step()


def _require_past(model: AutoregressiveModel, case: Case) -> None:
    """Require that a conditional depends on all that it would if the network were built for the model's order alone."""
    alone = replace(case, ordering=model.ordering).model()
    needed, found = torch.zeros(2, len(model.order), len(model.order), dtype=torch.bool)
    for seed in range(3):
        needed |= dependencies(alone, replace(case, seed=seed))
        found |= dependencies(model, replace(case, seed=seed))
    if (needed & ~found).any():
        i, j = (needed & ~found).nonzero()[0].tolist()
        conditional, other = conditional_of(model.order, i), visited_coefficient(model.order, j)
        raise CheckFailed(f"{conditional} never depends on {other}, but does if there is one order only")


def _require_right_or_refused(model: AutoregressiveModel, case: Case) -> None:
    try:
        require_no_leak(model, case)
        refused = False
    except ShapeError:
        refused = True
    if not refused:
        SteppedEvents.of(case, model).finish()
        return
    backbone = model.backbone
    if isinstance(backbone, CausalBackbone) and backbone.has_stepper:
        try:
            make_stepper(backbone, Visits([model.order]), 1, case.contexts(1))
        except ShapeError:
            return
        raise CheckFailed("the forward pass raises a ShapeError and the stepper does not")


def _in_order(case: Case, backbone: torch.nn.Module, order: Order) -> AutoregressiveModel:
    ordering = FixedOrder(steps=tuple(order.visits.tolist()))
    return AutoregressiveModel(case.event_shape, ordering, case.head, backbone)  # type: ignore[arg-type]


def _similar_orders(shape: Shape) -> tuple[Order, ...]:
    """Orders that agree in their first steps, and the reverse of one."""
    first = scattered(shape).visits
    second = torch.cat([first[:EQUAL_STEPS], first[EQUAL_STEPS:].flip(0)])
    return tuple(Order(visits, shape) for visits in (first, second, first.flip(0)))
