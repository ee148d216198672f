"""The Row LSTM against the textbook loop over pixels; its receptive field and blind spot."""

from __future__ import annotations

import pytest
import torch

from tensorar import Order, PartSpec, SpecError, build, dependency_matrix
from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of, randomize
from tests.backbones.pixel_rnn_reference import Pixels, gate_mask, lstm
from tests.backbones.stepping_helpers import stepped_parameters

IMAGES = [(5, 6), (6, 5), (5, 1, 5), (5, 6, 3), (3, 5, 6), (5, 3, 6)]


def _model(shape, *, spread=0.5, **options):
    spec = str(PartSpec("row_lstm", options))
    return randomize(build(shape, "raster", "bernoulli", spec), 0, spread=spread)


def _seen(model, events=1):
    return dependency_matrix(model, events_of(model, events, 1))


def _textbook(layer, maps, pixels):
    """What one layer adds to the maps of one event ``(groups * 2h, height, width)``."""
    taps = layer.scan.skew.taps
    state, weight = layer.scan.channels, layer.scan.weight[0].unflatten(1, (-1, taps))
    width = state // pixels.groups
    first = (layer.scan.hidden[0, :, 0, 0], layer.scan.cell[0, :, 0, 0])
    entering, reach = layer.input_to_state.conv.weight, layer.input_to_state.conv.kernel.size[-1] // 2
    along = [0] + [o for o in range(-(taps // 2), taps // 2 + 1) if o]
    states, added = {}, torch.zeros_like(maps)
    for i in range(pixels.height):
        for j in range(pixels.width):
            gates = layer.input_to_state.conv.bias.reshape(pixels.groups, 4, width).transpose(0, 1).flatten()
            for o in range(-reach, reach + 1):
                if pixels.inside(i, j + o):
                    kernel = entering[:, :, 0, reach + o] * pixels.mask(i, j, i, j + o, 4 * width, 2 * width)
                    by_group = (kernel @ maps[:, i, j + o]).reshape(pixels.groups, 4, width)
                    gates = gates + by_group.transpose(0, 1).flatten()
            for tap, o in enumerate(along):
                mask = gate_mask(pixels.mask(i, j, i - 1, j + o, width, width))
                gates = gates + (weight[:, :, tap] * mask) @ states.get((i - 1, j + o), first)[0]
            states[i, j] = lstm(gates, states.get((i - 1, j), first)[1])
            mask = pixels.mask(i, j, i, j, 2 * width, width)
            added[:, i, j] = (layer.to_maps.weight[:, :, 0, 0] * mask) @ states[i, j][0] + layer.to_maps.bias
    return added


@pytest.mark.parametrize("shape", IMAGES)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_the_layers_are_those_of_the_textbook_and_so_are_their_gradients(shape, kernel):
    backbone = _model(shape, channels=2, layers=2, kernel=kernel).backbone.network
    order = Order.raster(shape)
    ranks, pixels = backbone.grid.ranks(order), Pixels(backbone.grid, order)
    maps = torch.randn(2, backbone.grid.groups * 4, *backbone.grid.sizes, dtype=torch.float64, requires_grad=True)
    fast = backbone.recur(maps, maps, ranks, None)
    slow = []
    for event in maps:
        for layer in backbone.layers:
            event = event + _textbook(layer, event, pixels)
        slow.append(event)
    slow = torch.stack(slow)
    torch.testing.assert_close(fast, slow)
    towards = torch.randn_like(fast)
    inputs = [maps, *backbone.layers.parameters()]
    for one, other in zip(
        torch.autograd.grad(fast, inputs, towards), torch.autograd.grad(slow, inputs, towards), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_the_row_before_the_first_is_learned():
    model = _model((5, 5), channels=8, layers=1)
    x = torch.zeros(1, 5, 5)
    first = model.conditionals(x).mean[0, 0]
    torch.nn.init.zeros_(model.backbone.network.layers[0].scan.hidden)
    assert (model.conditionals(x).mean[0, 0] != first).all()


def test_a_sequence_sees_everything():
    assert torch.equal(_seen(_model((9,), channels=4, layers=1), 4), Order.raster((9,)).causal_mask())


def test_in_an_image_it_depends_on_a_triangle_only():
    """For the first pixel of the last row: the first layer reaches 3 to the right one row up, the scan 1 per row."""
    size = 15
    seen = _seen(_model((size, size), channels=4, layers=1), 3)[(size - 1) * size].reshape(size, size)
    for up in range(1, size):
        assert seen[size - 1 - up].nonzero().flatten().tolist() == list(range(min(size, 3 + up)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [*IMAGES, (5, 5, 5), (2, 5, 5, 2), (2, 2, 2, 2)])
def test_nothing_of_the_future_is_seen_in_training_or_after(shape, training):
    model = _model(shape, channels=2, layers=2).train(training)
    assert not (_seen(model) & ~model.order.causal_mask()).any()


@pytest.mark.parametrize("options", ["kernel=2", "kernel=0", "layers=0", "channels=0", "first_kernel=4"])
def test_options_that_make_no_network(options):
    with pytest.raises(SpecError):
        build((6, 6), "raster", "bernoulli", f"row_lstm:{options}")


def test_training_begins_with_a_memory():
    layer = build((5, 5), "raster", "bernoulli", "row_lstm:channels=2").backbone.network.layers[0]
    assert layer.input_to_state.conv.bias[2:4].tolist() == [1.0, 1.0]
    assert layer.scan.hidden.count_nonzero() == layer.scan.cell.count_nonzero() == 0


@pytest.mark.parametrize("kernel", [1, 5])
@pytest.mark.parametrize("shape", [(6, 7), (5, 6, 3), (3, 5, 6)])
def test_the_steps_with_other_kernels(shape, kernel):
    model = _model(shape, channels=3, layers=2, kernel=kernel)
    features = model.features(events_of(model, 3, 1))
    expected = all_conditionals(model.backbone, features, model.order).reshape(3, len(model.order), -1)
    torch.testing.assert_close(stepped_parameters(model, features), expected, rtol=1e-9, atol=1e-9)
