"""NADE against the textbook's loop over the coefficients: same parameters and gradients for every chunk size."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import SpecError, build, dependency_matrix
from tensorar.testing import event_shapes, events_of, joint, models, orders, randomize, seeds
from tensorar_plugins.backbones.nade_scan import nade_scan, running_sums
from tests.part_specs import head_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
ACTIVATIONS = {"sigmoid": torch.sigmoid, "relu": torch.relu}


def _textbook(network, features, order, context):
    """Larochelle and Murray's algorithm 1: one coefficient after another, each adds its column."""
    parameters = dict(network.named_parameters())
    seen = features.reshape(len(features), len(order), -1)
    a = parameters["hidden_bias"].expand(len(features), -1)
    if context is not None:
        a = a + context @ parameters["context.map.weight"].T
    found = [None] * len(order)
    for step, i in enumerate(order.visits.tolist()):
        rho = 1.0 if network.scale is None else parameters["scale"][step]
        hidden = ACTIVATIONS[network.activation](rho * a)
        found[i] = parameters["output_bias"][i] + hidden @ parameters["output_weight"][i].T
        a = a + seen[:, i] @ parameters["weight"][i]
    return torch.stack(found, 1).reshape(*features.shape[:-1], -1)


def _model(data, *, head="bernoulli", options="", context_features=0, max_coefficients=12):
    shape = data.draw(event_shapes(max_coefficients=max_coefficients))
    model = build(shape, "shuffled", head, f"nade:hidden=5{options}", context_features=context_features)
    return randomize(model, data.draw(seeds)), data.draw(orders(shape))


@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("scaling", ["true", "false"])
@given(data=st.data())
def test_parameters_and_gradients_are_those_of_the_loop(head, activation, scaling, data):
    options = f",activation={activation},scaling={scaling},chunk={data.draw(st.integers(1, 13))}"
    model, order = _model(data, head=head, options=options, context_features=data.draw(st.sampled_from([0, 2])))
    features = model.features(events_of(model, 3, 0)).requires_grad_()
    k = model.backbone.signature.context_features
    context = torch.randn(3, k).double().requires_grad_() if k else None
    inputs = [features, *model.backbone.parameters(), *([context] if k else [])]
    outputs = [model.backbone(features, order, context), _textbook(model.backbone, features, order, context)]
    weights = torch.randn_like(outputs[0])
    found_gradients, expected_gradients = (
        torch.autograd.grad((out * weights).sum(), inputs, materialize_grads=True) for out in outputs
    )
    for found, wanted in zip([outputs[0], *found_gradients], [outputs[1], *expected_gradients], strict=True):
        torch.testing.assert_close(found, wanted, **CLOSE)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("chunk", [1, 2, 3, 8])
def test_the_gradient_agrees_with_finite_differences(activation, scaled, chunk):
    shapes = [(5, 2, 3), (5, 2, 4), (3, 4), (5, 3, 4)] + [(5,)] * scaled
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def scan(*tensors):
        return nade_scan(*tensors, activation=activation, chunk=chunk)

    assert torch.autograd.gradcheck(scan, inputs)


@given(data=st.data())
def test_the_chunk_size_does_not_matter(data):
    model, order = _model(data)
    other = copy.deepcopy(model)
    other.backbone.chunk = data.draw(st.integers(1, 40))
    features = model.features(events_of(model, 3, 0))
    torch.testing.assert_close(other.backbone(features, order), model.backbone(features, order), **CLOSE)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 4, 16])
def test_running_sums(rows, reverse):
    x = torch.randn(rows, 3).double()
    expected = x.flip(0).cumsum(0).flip(0) if reverse else x.cumsum(0)
    for target, addend in running_sums(x, reverse=reverse):
        target += addend
    torch.testing.assert_close(x, expected)


@given(data=st.data())
def test_everything_earlier_is_seen(data):
    model = data.draw(models(backbone="nade:hidden=8", max_coefficients=12))
    assert torch.equal(dependency_matrix(model, events_of(model, 1, data.draw(seeds))), model.order.causal_mask())


def test_rnade_sees_everything_earlier():
    model = randomize(build((9,), "random", "gaussian_mixture:components=2", "nade:hidden=30"), 0)
    assert torch.equal(dependency_matrix(model, events_of(model, 4, 0)), model.order.causal_mask())


@pytest.mark.parametrize(
    ("head", "activation", "scaled"),
    [
        ("bernoulli", "sigmoid", False),
        ("categorical:levels=3,one_hot=true", "sigmoid", False),
        ("gaussian_mixture", "relu", True),
        ("logistic_mixture:levels=9", "relu", True),
    ],
)
def test_the_head_decides_between_nade_and_rnade(head, activation, scaled):
    network = build((4,), "raster", head, "nade:hidden=3").backbone
    assert (network.activation, network.scale is not None) == (activation, scaled)
    assert not scaled or (network.scale == 1).all()


def test_options_decide_against_the_head():
    network = build((4,), "raster", "bernoulli", "nade:hidden=3,activation=relu,scaling=true").backbone
    assert (network.activation, network.scale is not None) == ("relu", True)
    network = build((4,), "raster", "gaussian_mixture", "nade:hidden=3,activation=sigmoid,scaling=false").backbone
    assert (network.activation, network.scale is not None) == ("sigmoid", False)


@given(data=st.data())
def test_one_set_of_weights_is_a_distribution_under_every_order(data):
    model, order = _model(data, options=",chunk=3", max_coefficients=8)
    _, probability = joint(model, order=order)
    torch.testing.assert_close(probability.sum(), torch.ones(()).double())


def test_hidden_units_of_all_coefficients_are_never_in_memory_at_once():
    """Neither saved for the backward pass nor at any moment of it."""
    n, batch, hidden, chunk = 64, 16, 32, 4
    network = build((n,), "raster", "bernoulli", f"nade:hidden={hidden},chunk={chunk}").backbone
    order = build((n,), "raster", "bernoulli", "fvsbn").order
    saved, largest = [], Largest()
    with largest, torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        network(torch.rand(batch, n, 1), order).sum().backward()
    weights = {t.numel() for t in network.parameters()}
    everything = n * batch * hidden
    assert sum(t.numel() for t in saved if t.numel() not in weights) < everything / 2
    assert largest.numbers < everything / 2


class Largest(torch.utils._python_dispatch.TorchDispatchMode):
    """The size of the largest tensor that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        out = function(*arguments, **(options or {}))
        self.numbers = max(self.numbers, *(t.numel() for t in (out if isinstance(out, (list, tuple)) else [out])))
        return out


def test_autocast_to_half_precision_rounds_no_sums():
    model = build((40,), "raster", "bernoulli", "nade:hidden=8,chunk=4", context_features=2)
    x, context = torch.rand(3, 40).round(), torch.randn(3, 2)
    expected = model.log_prob(x, context)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.loss(x, context)
        found.backward()
    torch.testing.assert_close(found, -expected.mean(), rtol=1e-3, atol=1e-3)
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_an_empty_batch():
    model = build((5,), "raster", "bernoulli", "nade:hidden=3,chunk=2")
    model.backbone(torch.zeros(0, 5, 1), model.order).sum().backward()
    assert all((p.grad == 0).all() for p in model.parameters())


@pytest.mark.parametrize("option", ["hidden", "chunk"])
def test_a_size_of_zero_is_refused(option):
    with pytest.raises(SpecError, match=option):
        build((4,), "raster", "bernoulli", f"nade:{option}=0")
