"""Orders: visits and ranks are each other's inverse, and move with the axes of the event."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, ShapeError
from tensorar.testing import event_shapes, orders, seeds


@st.composite
def any_order(draw):
    return draw(orders(draw(event_shapes(max_coefficients=24))))


@st.composite
def axes_of(draw, shape):
    return tuple(draw(st.permutations(range(len(shape)))))


@st.composite
def some_axes(draw, shape):
    return tuple(a for a in range(len(shape)) if draw(st.booleans()))


@given(any_order())
def test_rank_and_visits_are_inverse(order):
    steps = torch.arange(len(order))
    assert torch.equal(order.rank.flatten()[order.visits], steps)
    assert torch.equal(order.visits[order.rank.flatten()], steps)
    assert tuple(order.rank.shape) == order.event_shape
    assert Order.from_rank(order.rank) == order


@given(any_order())
def test_a_coefficient_sees_exactly_what_comes_before_it(order):
    seen: set[int] = set()
    for step, i in enumerate(order.visits.tolist()):
        assert set(order.causal_mask()[i].nonzero()[:, 0].tolist()) == seen
        assert set(order.causal_mask(include_self=True)[i].nonzero()[:, 0].tolist()) == seen | {i}
        assert set(order.mask_before(step).flatten().nonzero()[:, 0].tolist()) == seen
        seen.add(i)


@given(any_order(), st.data())
def test_permute_and_flip_are_those_of_tensors(order, data):
    shape = order.event_shape
    axes, flips = data.draw(axes_of(shape)), data.draw(some_axes(shape))
    x = torch.randn(shape)
    moved = order.permute(axes)
    assert torch.equal(x.permute(axes).flatten()[moved.visits], x.flatten()[order.visits])
    assert torch.equal(x.flip(flips).flatten()[order.flip(flips).visits], x.flatten()[order.visits])


@given(any_order(), st.data())
def test_permutations_compose_and_flips_undo_themselves(order, data):
    shape = order.event_shape
    first, second = data.draw(axes_of(shape)), data.draw(axes_of(shape))
    flips = data.draw(some_axes(shape))
    assert order.permute(first).permute(second) == order.permute(tuple(first[a] for a in second))
    assert order.flip(flips).flip(flips) == order
    # flipping axis a before permuting is flipping wherever a went
    assert order.flip(flips).permute(first) == order.permute(first).flip(tuple(first.index(a) for a in flips))


@given(any_order(), st.data())
def test_evidence_before_a_step_holds_that_many_values(order, data):
    t = data.draw(st.integers(0, len(order)))
    x = torch.randn(3, *order.event_shape)
    evidence = order.evidence_before(x, t)
    assert evidence.mask.flatten(1 if order.event_shape else 0).sum() == 3 * t
    assert torch.equal(evidence.value, torch.where(order.rank < t, x, 0))
    steps = torch.tensor(data.draw(st.lists(st.integers(0, len(order)), min_size=3, max_size=3)))
    each = order.evidence_before(x, steps)
    assert each.mask.reshape(3, -1).sum(1).tolist() == steps.tolist()
    assert all(torch.equal(each.mask[i], order.rank < t) for i, t in enumerate(steps.tolist()))


@given(any_order(), seeds)
def test_observed_first_moves_the_observed_and_keeps_the_rest_in_order(order, seed):
    mask = torch.rand(order.event_shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    moved = order.observed_first(mask)
    known = int(mask.sum())
    assert torch.equal(moved.rank < known, mask)
    for kind in (mask, ~mask):
        assert torch.equal(
            moved.visits[kind.flatten()[moved.visits]],
            order.visits[kind.flatten()[order.visits]],
        )


@given(any_order(), any_order())
def test_equality_is_of_shape_and_visits(one, other):
    same = one.event_shape == other.event_shape and one.visits.tolist() == other.visits.tolist()
    assert (one == other) == same
    assert one == Order(one.visits.clone(), one.event_shape)
    assert hash(one) == hash(Order(one.visits.clone(), one.event_shape))
    assert one != one.visits.tolist()


@pytest.mark.parametrize(
    ("visits", "shape"),
    [([0, 1], (3,)), ([0, 0, 1], (3,)), ([0, 1, 3], (3,)), ([-1, 0, 1], (3,)), ([], (0,)), ([], (2, 0)), ([0, 1], ())],
)
def test_what_is_no_permutation_is_refused(visits, shape):
    with pytest.raises(ShapeError, match="visited once") as error:
        Order(torch.tensor(visits, dtype=torch.long), shape)
    assert "\n" not in str(error.value)


@given(event_shapes(max_coefficients=24))
def test_raster_is_row_major(shape):
    assert Order.raster(shape).visits.tolist() == list(range(math.prod(shape)))
