"""Orders depend on options and shape alone: not on the process, other calls, other options or random states."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch

from tensorar.errors import ShapeError
from tensorar.ordering import Ordering
from tensorar.testing.another_process import in_another_process
from tensorar.testing.checks.adaptive_orderings import choices
from tensorar.testing.checks.option_effects import require_effects
from tensorar.testing.checks.orderings import FEW_SHAPES, Shaped, visits_of, where
from tensorar.testing.generate.many_shapes import large_shapes, small_shapes
from tensorar.testing.generate.option_values import with_each_choice, with_each_option
from tensorar.testing.generate.part_cases import some_shapes
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.random_state import seed_everything
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

# of equal rank, numbers of coefficients or sizes in another order: what a cache may take for the same shape
ALIKE: tuple[Shape, ...] = ((2, 3), (3, 2), (6,), (1, 6), (2, 3, 1), (4, 4), (2, 8), (5, 8), (8, 5), (40,), (2, 4, 5))


@check("ordering")
def deterministic(part: PartUnderTest) -> None:
    """Options and shape determine ``visits``, and for a fixed ordering also ``draw``, whatever was called before."""

    def test(case: Shaped) -> None:
        shape, one, other = case.event_shape, part.make(), part.make()
        if visits_of(one, shape) is None:
            return
        seed_everything(1)
        first = one.visits(shape).clone()
        seed_everything(2)
        if not torch.equal(one.visits(shape), first) or not torch.equal(other.visits(shape), first):
            raise CheckFailed("visits gives another order the second time")
        drawn = [one.draw(shape, torch.Generator().manual_seed(seed)) for seed in range(3)]
        if one.fixed and any(order != one.order(shape) for order in drawn):
            raise CheckFailed("draw gives another order than visits although fixed is True")

    for_all(some_shapes(part, 24).map(Shaped), test, examples=2 * part.profile.examples)
    _require_independent_of_other_shapes(part)


@check("ordering")
def order_agrees_with_visits(part: PartUnderTest) -> None:
    """``order`` and the first of ``orders`` are the order of ``visits``, also beside an instance with other options."""
    for options, variant in with_each_choice(part):
        ordering = variant.make()
        for shape in part.shapes or FEW_SHAPES:
            visits = visits_of(ordering, shape)
            if visits is None:
                continue
            listed = [ordering.order(shape), *ordering.orders(shape)[:1]]
            if any(order.event_shape != shape or not torch.equal(order.visits, visits.long()) for order in listed):
                raise CheckFailed(f"order and orders begin with another order than visits {where(shape, options)}")


@check("ordering")
def same_in_another_process(part: PartUnderTest) -> None:
    """Another process, with another hash seed, gives the same orders, after those of other shapes and options."""
    shapes = [*dict.fromkeys((*small_shapes(part)[:100], *large_shapes(part), *(part.shapes or FEW_SHAPES)))]
    others = [variant.options for variant in with_each_option(part, 2)]
    here = digests(part.part, part.options, [], shapes)
    there = in_another_process(digests, part.part, part.options, others, shapes[::-1])
    for shape in shapes:
        if here[shape] != there[shape]:
            raise CheckFailed(f"another process gives other orders (shape {shape})")


@check("ordering")
def every_option_has_an_effect(part: PartUnderTest) -> None:
    """Another value of each option changes the orders or choices of some shape, or the shapes that are taken."""
    shapes = part.shapes or FEW_SHAPES
    options = list(part.part.option_parameters())
    require_effects(part, options, lambda variant: digests(variant.part, variant.options, [], shapes))


# --- helpers ---------------------------------------------------------------------------------------------------------


def digests(part: type[Ordering], options: dict[str, Any], others: Sequence[Any], shapes: Sequence[Shape]) -> Any:
    """A digest of the orders and of some draws for each shape, computed after those with other options.

    The other options are asked for a few shapes alone: those in which every option must have an effect.
    """
    seed_everything(len(others))
    ordering, before = part(**options), [part(**other) for other in others]
    few = FEW_SHAPES if set(FEW_SHAPES) <= set(shapes) else shapes
    found = {}
    for shape in shapes:
        for other in before if shape in few else ():
            with suppress(Exception):
                _orders_of(other, shape)
        found[shape] = hashlib.sha256(repr(_orders_of(ordering, shape)).encode()).hexdigest()
    return found


def _orders_of(ordering: Ordering, shape: Shape) -> Any:
    generator = torch.Generator().manual_seed(1)
    try:
        found = [ordering.order(shape), *ordering.orders(shape), *(ordering.draw(shape, generator) for _ in range(3))]
    except ShapeError:
        return None
    chosen = choices(ordering, shape) if ordering.adaptive else []
    visits = [order.visits.tolist() for order in found]
    return [ordering.embedding, ordering.visits(shape).tolist(), *visits, chosen]


def _require_independent_of_other_shapes(part: PartUnderTest) -> None:
    """Require the same orders whichever of some similar shapes is asked for first."""
    shapes = [shape for shape in part.shapes or ALIKE if visits_of(part.instance, shape) is not None]
    ascending, descending = part.make(), part.make()
    before = {shape: _orders_of(ascending, shape) for shape in shapes}
    after = {shape: _orders_of(descending, shape) for shape in shapes[::-1]}
    for shape in shapes:
        if before[shape] != after[shape]:
            raise CheckFailed(f"the orders of shape {shape} depend on the shapes asked for before")
