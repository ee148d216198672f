"""The Gated PixelCNN a slab and a coefficient at a time: exact in all its forms, and the arithmetic of one pass."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tensorar import build
from tensorar.conditionals import all_conditionals
from tensorar.testing import randomize
from tensorar_plugins.backbones.masked_conv import slab_conv
from tests.backbones.stepper_state import state_bytes
from tests.backbones.stepping_helpers import compare

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")


def _model(shape, ordering="raster", *, layers=3, context_features=0, **options):
    chosen = {"channels": 5, "output_channels": 6, "layers": layers} | options
    spec = "gated_pixelcnn:" + ",".join(f"{k}={v}" for k, v in chosen.items())
    model = build(shape, ordering, "bernoulli", spec, context_features=context_features)
    return randomize(model, 0, spread=0.3)


# images, sequences, volumes; colors inside, outside and between; sides of 1
SHAPES = [
    (),
    (1,),
    (30,),
    (11, 9),
    (1, 6, 7),
    (6, 1, 7),
    (4, 5, 6),
    (3, 5, 6),
    (5, 3, 6),
    (5, 6, 3),
    (2, 6, 5, 3),
    (2, 3, 2, 4),
    (1, 2, 1, 3),
]


@pytest.mark.parametrize(
    "options", [{}, {"kernel": 3, "first_kernel": 5}, {"dilation": "'1 2'", "kernel": 3, "layers": 4}]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_and_kernel(shape, options):
    compare(_model(shape, **options))


@pytest.mark.parametrize("layers", [1, 2])
def test_few_layers(layers):
    compare(_model((5, 6), layers=layers))
    compare(_model((7,), layers=layers))


@pytest.mark.parametrize(
    ("ordering", "shape"),
    [("raster:axes=1 0", (5, 7)), ("raster:axes=1 2 0,flip=1 2", (3, 5, 6)), ("raster:axes=2 0 1,flip=0", (3, 5, 6))],
)
@pytest.mark.parametrize("channel_axes", ["'0'", "'1'", "'0 1'", "''"])
def test_other_raster_orders_and_any_channel_axes(ordering, shape, channel_axes):
    compare(_model(shape, ordering, channel_axes=channel_axes))


@pytest.mark.parametrize("shape", [(9,), (5, 6), (3, 4, 5), (4, 5, 3), (4, 3, 5)])
def test_context_in_the_gates_of_every_stack(shape):
    compare(_model(shape, context_features=2), context=torch.randn(3, 2).double())


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_in_other_precisions(dtype, close):
    compare(_model((7, 8)).to(dtype), rtol=close, atol=close)


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 3)])
def test_slabs_of_a_large_batch_are_gathered_in_portions(shape, monkeypatch):
    monkeypatch.setattr(slab_conv, "MAX_ELEMENTS_PER_CALL", 400)
    compare(_model(shape), batch=7)


def test_sampling_changes_no_weight_and_training_may_use_the_masks_that_it_made_first():
    model = build((4, 7, 3), "raster", "bernoulli", "gated_pixelcnn:channels=4,layers=2")
    before = copy.deepcopy(model.state_dict())
    model.sample(2, method="cached")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.loss(torch.zeros(2, 4, 7, 3)).backward()


def test_a_stack_is_computed_when_its_slab_begins():
    """For a volume: planes, rows and coefficients, each all layers at once."""
    model = _model((2, 3, 4))
    stepper, started_slabs = model.generation(1).stepper, []
    for stack in stepper.slab_stacks:
        stack.advance = lambda t, stack=stack, advance=stack.advance: (
            started_slabs.append((stack.count, t)),
            advance(t),
        )
    features = None
    for _ in range(24):
        stepper.step(features)
        features = torch.ones(1, 1).double()
    assert [t for count, t in started_slabs if count == 12] == [0, 12]
    assert [t for count, t in started_slabs if count == 4] == [0, 4, 8, 12, 16, 20]


@pytest.mark.parametrize("shape", [(14, 14), (8, 8, 3), (3, 8, 8)])
def test_stepping_costs_the_flops_of_one_pass(shape):
    model = build(shape, "raster", "bernoulli", "gated_pixelcnn:channels=8,layers=3,kernel=3").eval()
    features = torch.zeros(1, *shape, 1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        all_conditionals(model.backbone, features, model.order)
    stepper, groups = model.generation(1).stepper, model.backbone.network.grid.groups
    by_group = [layers for convs in (stepper.first, stepper.inner) for layers in convs.layers]
    convs = [conv for stack in stepper.slab_stacks for conv in (*stack.convs, *stack.links)]
    per_group = sum(layer.weight.numel() for layers in by_group for layer in layers)
    per_group += sum(weight.numel() for conv in convs for weight in conv.weights)
    stepped = 2 * per_group * len(model.order) / groups
    assert 0.5 * counter.get_total_flops() < stepped <= counter.get_total_flops()


def test_for_an_image_some_rows_are_held_and_not_the_map():
    sizes = {}
    for batch in (1, 9):
        model = build((32, 32), "raster", "bernoulli", "gated_pixelcnn:channels=16,layers=10,kernel=3")
        sizes[batch] = state_bytes(model.generation(batch).stepper)
    # ten layers: two rows of 16 inputs, one of 32 passed to the horizontal stack, little else
    assert (sizes[9] - sizes[1]) / 8 < 1.5 * 4 * 10 * 32 * (2 * 16 + 32)
