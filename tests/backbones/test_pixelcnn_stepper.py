"""The PixelCNN a coefficient at a time: exact in all its forms, and no more arithmetic than one pass."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from tensorar import Order, build
from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of, orders, randomize
from tests.backbones.stepper_state import state_bytes
from tests.backbones.stepping_helpers import compare

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
SMALL = "pixelcnn:channels=6,blocks=2"


def _model(shape, ordering, options="", *, spread=0.4, **more):
    return randomize(build(shape, ordering, "bernoulli", SMALL + options, **more), 0, spread=spread)


@pytest.mark.parametrize("ordering", ["raster:flip=0", "raster:axes=1 0", "snake", "hilbert", "checkerboard", "random"])
@pytest.mark.parametrize("options", ["", ",kernel=5,first_kernel=3", ",kernel=1", ",output_channels=5"])
def test_maps_larger_than_the_kernels(ordering, options):
    compare(_model((11, 9) if ordering != "hilbert" else (8, 16), ordering, options))


@given(data=st.data())
def test_any_permutation(data):
    shape = data.draw(st.sampled_from([(4, 5), (3, 4, 5), (20,), (2, 6, 3), (2, 3, 2, 3)]))
    model = _model(shape, "raster")
    order = data.draw(orders(shape))
    features = model.features(events_of(model, 2, 0))
    expected = all_conditionals(model.backbone, features, order).detach().reshape(2, len(order), -1)
    stepper, last = model.generation(2, order).stepper, None
    for coefficient in order.visits.tolist():
        torch.testing.assert_close(stepper.step(last), expected[:, coefficient], **CLOSE)
        last = features.reshape(2, len(order), -1)[:, coefficient]


@pytest.mark.parametrize("ordering", ["raster", "raster:axes=1 2 0", "raster:axes=1 0 2,flip=0 1", "random"])
@pytest.mark.parametrize("channel_axes", ["", "'0'", "'0 2'", "''"])
def test_colors_in_any_nesting(ordering, channel_axes):
    compare(_model((3, 6, 5), ordering, f",channel_axes={channel_axes}" if channel_axes else ""))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (30,), (1, 5, 6), (4, 5, 3), (3, 2, 4, 2)])
def test_any_number_of_axes(shape):
    compare(_model(shape, "raster"))


@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 5)])
def test_context_in_every_layer(shape):
    model = _model(shape, "random", context_features=2)
    compare(model, context=torch.randn(3, 2).double())


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_in_other_precisions(dtype, close):
    model = _model((7, 8), "raster", spread=0.2).to(dtype)
    compare(model, rtol=close, atol=close)


def test_sampling_changes_no_weight():
    model = build((3, 5, 6), "raster", "bernoulli", SMALL)
    before = copy.deepcopy(model.state_dict())
    model.sample(2, method="cached")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("shape", [(4, 7), (3, 5, 6)])
def test_training_may_use_the_masks_that_sampling_made_first(shape):
    model = build(shape, "raster", "bernoulli", SMALL)
    # an order that has not been seen before
    order = Order(torch.randperm(math.prod(shape)), shape)
    with torch.inference_mode():
        model.generation(2, order).stepper.step(None)
    all_conditionals(model.backbone, torch.zeros(2, *shape, 1), order).sum().backward()


@pytest.mark.parametrize(("shape", "ordering"), [((14, 14), "raster"), ((3, 8, 8), "raster:axes=1 2 0")])
def test_stepping_costs_the_flops_of_one_pass(shape, ordering):
    model = build(shape, ordering, "bernoulli", "pixelcnn:channels=8,blocks=3").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        all_conditionals(model.backbone, torch.zeros(1, *shape, 1), model.order)
    stepper = model.generation(1).stepper
    by_group = (a + b for a, b in zip(stepper.first.layers, stepper.inner.layers, strict=True))
    layers = [*zip(*by_group, strict=True)]
    per_group = [sum(layer[g].weight.numel() for layer in layers) for g in range(model.backbone.grid.groups)]
    stepped = 2 * sum(per_group) * len(model.order) / len(per_group)
    assert 0.5 * counter.get_total_flops() < stepped <= counter.get_total_flops()


def test_under_a_raster_order_some_rows_are_held_and_not_the_map():
    spec = "pixelcnn:channels=32,blocks=10"
    sizes = {}
    for batch in (1, 9):
        model = build((32, 32), "raster", "bernoulli", spec)
        sizes[batch] = state_bytes(model.generation(batch).stepper)
    # ten blocks of 16 inputs for two rows, and what a step reads: a map of 1024 would be 13 times as much
    assert (sizes[9] - sizes[1]) / 8 < 4 * 10 * 16 * 80
