"""Orders that are raster up to flips and an axis permutation, against an exhaustive search."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, RasterView, Registry, ShapeError, build
from tensorar.parts.plugins import Plugins
from tensorar.testing import event_shapes, events_of, joint, models, orders, parameters_of, raster_like, seeds
from tests.core import toy_backbones


def _views(d):
    for r in range(d + 1):
        for flips in itertools.combinations(range(d), r):
            yield from (RasterView(flips, axes) for axes in itertools.permutations(range(d)))


def _is_raster_through(order, view):
    rank = order.rank.flip(view.flips).permute(view.axes)
    return torch.equal(rank.flatten(), torch.arange(len(order)))


@pytest.mark.parametrize(
    "shape", [(), (1,), (4,), (2, 3), (1, 3), (3, 3), (2, 3, 2), (2, 1, 3), (1, 1, 1), (2, 3, 2, 2)]
)
def test_every_raster_like_order_is_recognized(shape):
    raster = torch.arange(math.prod(shape))
    found = set()
    for view in _views(len(shape)):
        index = raster.reshape(shape).flip(view.flips).permute(view.axes)
        order = Order(index.flatten(), shape)
        assert order.raster_view is not None
        assert _is_raster_through(order, order.raster_view)
        found.add(order)
    long_axes = sum(size > 1 for size in shape)
    assert len(found) == math.factorial(long_axes) * 2**long_axes


@given(data=st.data())
def test_a_view_is_found_exactly_when_there_is_one(data):
    shape = data.draw(event_shapes(max_rank=3, max_coefficients=6))
    order = data.draw(orders(shape))
    exists = any(_is_raster_through(order, view) for view in _views(len(shape)))
    assert (order.raster_view is not None) == exists


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 2, 2)])
def test_the_neighbors_of_raster_are_not_raster(shape):
    """Swapping two visits breaks the order of any event with two long axes, and the view must see it."""
    n = math.prod(shape)
    for i, j in itertools.combinations(range(n), 2):
        visits = torch.arange(n)
        visits[[i, j]] = visits[[j, i]]
        order = Order(visits, shape)
        exists = any(_is_raster_through(order, view) for view in _views(len(shape)))
        assert (order.raster_view is not None) == exists


@given(data=st.data())
def test_undo_undoes_apply(data):
    shape = data.draw(event_shapes(max_rank=4, max_coefficients=24))
    d = len(shape)
    flips = tuple(data.draw(st.lists(st.sampled_from(range(d)), unique=True))) if d else ()
    view = RasterView(flips, tuple(data.draw(st.permutations(range(d)))))
    for x in (torch.randn(2, *shape), torch.randn(2, *shape, 3)):
        seen = view.apply(x)
        assert tuple(seen.shape[1 : d + 1]) == view.event_shape(shape)
        assert torch.equal(view.undo(seen), x)
        assert torch.equal(view.apply(view.undo(seen)), seen)


# --- a backbone that knows only the raster order serves all of them --------------------------------------------------


@pytest.fixture(scope="module")
def registry():
    plugins = Plugins()
    plugins.load_installed()
    plugins.load_file(toy_backbones.__file__)
    return Registry(plugins)


@given(data=st.data())
def test_a_raster_backbone_keeps_the_rule_in_every_raster_like_order(registry, data):
    model = data.draw(models(backbone="triangle", max_coefficients=12, registry=registry))
    x = events_of(model, 2, data.draw(seeds))
    step = data.draw(st.integers(0, len(model.order) - 1))
    changed = torch.where(model.order.rank == step, 1 - x, x)
    same = (parameters_of(model, changed) == parameters_of(model, x)).all(2).all(0)
    rank = model.order.rank.flatten()
    # all its weights are random: every later coefficient does see the change
    assert torch.equal(same, rank <= step)


@given(data=st.data())
def test_a_raster_backbone_is_normalized_and_samples_in_every_raster_like_order(registry, data):
    model = data.draw(models(backbone="triangle", max_coefficients=6, registry=registry))
    _, probability = joint(model)
    torch.testing.assert_close(probability.sum(), torch.ones(()).double(), atol=1e-9, rtol=0)
    assert model.sample(2).shape == (2, *model.event_shape)


@given(data=st.data())
def test_looking_through_the_view_by_hand_gives_the_same(registry, data):
    shape = data.draw(event_shapes(max_rank=3))
    model = build(shape, data.draw(raster_like(shape)), "bernoulli", "triangle", registry=registry)
    view = model.order.raster_view
    plain = build(view.event_shape(shape), "raster", "bernoulli", "triangle", registry=registry)
    plain.load_state_dict(model.state_dict())
    x = events_of(model, 3, data.draw(seeds)).float()
    torch.testing.assert_close(model.log_prob(x), plain.log_prob(view.apply(x)))


@pytest.mark.parametrize("ordering", ["snake", "diagonal", "shuffled", "random", "checkerboard", "spiral"])
def test_a_raster_backbone_refuses_other_orders_when_it_is_built(registry, ordering):
    with pytest.raises(
        ShapeError, match=rf"raster order up to flips.*'triangle', got the ordering '{ordering}'"
    ) as error:
        build((3, 3), ordering, "bernoulli", "triangle", registry=registry)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("without_shape_checks")
def test_a_raster_backbone_rejects_other_orders_when_called(registry):
    model = build((2, 3), "raster", "bernoulli", "triangle", registry=registry)
    x = torch.zeros(1, 2, 3)
    assert model.log_prob(x, order=model.order.flip((0,))).shape == (1,)
    for order in (Order.raster((3, 2)).permute((1, 0)), Order(torch.tensor([0, 2, 1, 3, 4, 5]), (2, 3))):
        with pytest.raises(ShapeError, match="raster order"):
            model.log_prob(x, order=order)
