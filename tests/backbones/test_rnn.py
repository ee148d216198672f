"""The recurrent networks, against a plain loop over the coefficients with the equations of each cell."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tensorar import Order, SpecError, build
from tensorar.testing import event_shapes, events_of, orders, randomize, seeds
from tensorar_plugins.backbones.layers.sequence import to_event, to_sequence

CELLS = ["tanh", "gru", "lstm"]
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def _tanh(x, h, c, w, u, a, b):
    return torch.tanh(x @ w.T + a + h @ u.T + b), c


def _gru(x, h, c, w, u, a, b):
    (r, z, n), (s, y, m) = (x @ w.T + a).chunk(3, -1), (h @ u.T + b).chunk(3, -1)
    reset, update = torch.sigmoid(r + s), torch.sigmoid(z + y)
    return update * h + (1 - update) * torch.tanh(n + reset * m), c


def _lstm(x, h, c, w, u, a, b):
    write, keep, cell, output = (x @ w.T + a + h @ u.T + b).chunk(4, -1)
    c = torch.sigmoid(keep) * c + torch.sigmoid(write) * torch.tanh(cell)
    return torch.sigmoid(output) * torch.tanh(c), c


STEPS = {"tanh": _tanh, "gru": _gru, "lstm": _lstm}


def _position(positions, coefficient, event_shape):
    """The position vector of one coefficient, index by index."""
    total = torch.zeros_like(positions.origin)
    for axis, index in zip(positions.axes, torch.unravel_index(coefficient, event_shape), strict=True):
        total = total + axis.weight[index]
    return total


def _inputs(backbone, features, order, t):
    """The network's inputs for one example at step ``t``."""
    before = functional.pad(features[order.visits[t - 1]] if t else 0 * features[0], (0, 1), value=float(t == 0))
    positions = backbone.inputs.positions
    if positions is None:
        return before
    shape = order.event_shape
    following = _position(positions.next, order.visits[t], shape)
    last = _position(positions.last, order.visits[t - 1], shape) if t else torch.zeros_like(following)
    return torch.cat([before, last, following])


def _by_loop(backbone, cell, features, order, context):
    """The parameters ``(N, P)`` of one example, from features ``(N, F)`` and a context ``(K)``."""
    parameters = features.new_empty(len(order), backbone.signature.parameter_count)
    states = [[features.new_zeros(layer.hidden_size)] * 2 for layer in backbone.layers]
    for t in range(len(order)):
        x = torch.cat([_inputs(backbone, features, order, t), context])
        for layer, bias, state in zip(backbone.layers, backbone.contexts, states, strict=True):
            state[:] = STEPS[cell](x, *state, *layer.parameters())
            x = state[0] + bias.map.weight @ context
        parameters[order.visits[t]] = functional.linear(x, backbone.output.weight, backbone.output.bias)
    return parameters


@pytest.mark.parametrize("ordering", ["raster", "shuffled"])
@pytest.mark.parametrize("cell", CELLS)
@given(data=st.data())
def test_equals_a_loop_over_the_coefficients(cell, ordering, data):
    shape = data.draw(event_shapes(max_coefficients=12))
    spec = f"rnn:cell={cell},hidden=5,layers=2,embedding=3"
    model = randomize(build(shape, ordering, "bernoulli", spec, context_features=2), data.draw(seeds))
    order, context = data.draw(orders(shape)), torch.randn(2, 2).double()
    features = model.features(events_of(model, 2, data.draw(seeds)))
    output = model.backbone(features, order, context).reshape(2, len(order), -1)
    for row, seen, given_context in zip(output, features.reshape(2, len(order), -1), context, strict=True):
        torch.testing.assert_close(row, _by_loop(model.backbone, cell, seen, order, given_context), **CLOSE)


def _shuffled(spec="rnn:hidden=8,embedding=4", shape=(2, 3)):
    return randomize(build(shape, "shuffled", "bernoulli", spec), 0)


def _of_step(model, order, features, t):
    return model.backbone(features, order).reshape(len(order), -1)[order.visits[t]]


def test_if_the_order_varies_the_network_knows_the_next_coefficient():
    model = _shuffled()
    features = torch.randn(1, 2, 3, 1).double()
    one, other = (Order(torch.tensor(visits), (2, 3)) for visits in ([4, 0, 1, 2, 3, 5], [4, 0, 5, 2, 3, 1]))
    assert not torch.isclose(_of_step(model, one, features, 2), _of_step(model, other, features, 2)).any()


def test_if_the_order_varies_the_network_knows_the_last_coefficient():
    model = _shuffled()
    same = torch.ones(1, 2, 3, 1).double()
    one, other = (Order(torch.tensor(visits), (2, 3)) for visits in ([0, 5, 1, 2, 3, 4], [4, 5, 1, 2, 3, 0]))
    assert not torch.isclose(_of_step(model, one, same, 1), _of_step(model, other, same, 1)).any()


@pytest.mark.parametrize(
    ("ordering", "option", "embedded"),
    [("raster", "", False), ("raster", ",position_embedding=true", True), ("shuffled", "", True)],
)
def test_positions_are_embedded_if_the_order_varies_or_on_request(ordering, option, embedded):
    model = build((4,), ordering, "bernoulli", f"rnn:hidden=4{option}")
    assert (model.backbone.inputs.positions is not None) == embedded


@pytest.mark.parametrize("option", ["hidden", "layers", "embedding"])
def test_a_size_of_zero_is_refused(option):
    with pytest.raises(SpecError, match=option):
        build((4,), "raster", "bernoulli", f"rnn:{option}=0")


@given(data=st.data())
def test_to_event_is_the_inverse_of_to_sequence(data):
    order = data.draw(orders(data.draw(event_shapes())))
    x = torch.arange(2.0 * len(order) * 3).reshape(2, *order.event_shape, 3)
    assert torch.equal(to_event(to_sequence(x, order), order), x)
    assert torch.equal(to_sequence(x, order)[:, 0], x.reshape(2, len(order), 3)[:, order.visits[0]])
