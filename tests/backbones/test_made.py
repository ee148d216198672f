"""MADE against masks written element by element, and the properties of its degrees."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, SpecError, build, dependency_matrix
from tensorar.testing import event_shapes, events_of, joint, models, orders, parameters_of, randomize, seeds
from tensorar_plugins.backbones.made_degrees import layer_staircases, sampled_degrees
from tests.part_specs import head_specs

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
CONNECTIVITIES = 3


def layer_masks(ranks, degrees):
    return [staircase.mask.bool() for staircase in layer_staircases(ranks, degrees)]


def _model(shape, spec="made:hidden=8,layers=2", *, head="bernoulli", ordering="shuffled", seed=0, **options):
    return randomize(build(shape, ordering, head, spec, **options), seed)


def _paths(network, order, *, direct=False):
    """Whether a path of connections leads from coefficient ``j`` (column) to ``i`` (row), unit by unit."""
    rank, degrees = order.rank.flatten().tolist(), network.degrees.tolist()
    n, reached = len(rank), []
    for j in range(n):
        here = [rank[j] <= m for m in degrees[0]]
        for below, above in pairwise(degrees):
            here = [any(h and b <= a for h, b in zip(here, below, strict=True)) for a in above]
        last = [[h and m < rank[i] for h, m in zip(here, degrees[-1], strict=True)] for i in range(n)]
        reached.append([any(row) or (direct and rank[j] < rank[i]) for i, row in enumerate(last)])
    return torch.tensor(reached).T


def _always_active(model):
    """All weights positive and all units far above zero, so that every connection shows in the derivatives."""
    for name, parameter in model.named_parameters():
        parameter.data.abs_().add_(100.0 if name.endswith("bias") and "output" not in name else 0.1)
    return model


def _by_hand(network, features, order, context):
    """The equations of the paper, with masks written element by element."""
    rank, degrees = order.rank.flatten().tolist(), network.degrees.tolist()
    f, p = network.signature.feature_count, network.signature.parameter_count
    weights = dict(network.named_parameters())
    seen = hidden = features.reshape(len(features), -1)
    below = [r for r in rank for _ in range(f)]
    for layer, here in enumerate(degrees):
        mask = torch.tensor([[b <= a for b in below] for a in here]).double()
        hidden = hidden @ (weights[f"layers.{layer}.weight"] * mask).T + weights[f"layers.{layer}.bias"]
        if context is not None:
            hidden = hidden + context @ weights[f"contexts.{layer}.map.weight"].T
        hidden, below = hidden.relu(), here
    each = [r for r in rank for _ in range(p)]
    out = hidden @ (weights["output.weight"] * torch.tensor([[b < a for b in below] for a in each])).T
    if "direct.weight" in weights:
        sees = torch.tensor([[b < a for b in rank for _ in range(f)] for a in each])
        out = out + seen @ (weights["direct.weight"] * sees).T
    out = out + weights["output.bias"] + (0 if context is None else context @ weights["output_context.map.weight"].T)
    return out.reshape(*features.shape[:-1], p)


@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("direct", ["true", "false"])
@given(data=st.data())
def test_parameters_and_gradients_are_those_of_the_equations(head, direct, data):
    shape, layers, k = data.draw(event_shapes()), data.draw(st.integers(1, 3)), data.draw(st.sampled_from([0, 2]))
    spec = f"made:hidden=5,layers={layers},direct_connections={direct},connectivities={CONNECTIVITIES}"
    model = _model(shape, spec, head=head, seed=data.draw(seeds), context_features=k)
    network, order = model.backbone, data.draw(orders(shape))
    network.connectivity = data.draw(st.integers(0, CONNECTIVITIES - 1))
    features = model.features(events_of(model, 3, 0)).requires_grad_()
    context = torch.randn(3, k).double() if k else None
    outputs = [network(features, order, context), _by_hand(network, features, order, context)]
    weights, inputs = torch.randn_like(outputs[0]), [features, *network.parameters()]
    found_gradients, expected_gradients = (
        torch.autograd.grad((out * weights).sum(), inputs, materialize_grads=True) for out in outputs
    )
    for found, wanted in zip([outputs[0], *found_gradients], [outputs[1], *expected_gradients], strict=True):
        torch.testing.assert_close(found, wanted, **CLOSE)


@pytest.mark.parametrize("direct", ["true", "false"])
@given(data=st.data())
def test_it_sees_everything_that_its_degrees_allow(direct, data):
    shape, hidden = data.draw(event_shapes()), data.draw(st.integers(1, 14))
    layers = data.draw(st.integers(1, 3))
    spec = f"made:hidden={hidden},layers={layers},direct_connections={direct},connectivities={CONNECTIVITIES}"
    model = _always_active(_model(shape, spec, ordering=f"random:seed={data.draw(st.integers(0, 99))}"))
    model.backbone.connectivity = data.draw(st.integers(0, CONNECTIVITIES - 1))
    seen = dependency_matrix(model, torch.ones(1, *shape))
    assert torch.equal(seen, _paths(model.backbone, model.order, direct=direct == "true"))
    if hidden >= len(model.order) - 1 or direct == "true":
        assert torch.equal(seen, model.order.causal_mask())


@given(data=st.data())
def test_every_hidden_unit_has_an_input_and_an_output(data):
    n, units, layers = (data.draw(st.integers(*bounds)) for bounds in [(2, 12), (1, 12), (1, 4)])
    for degrees in sampled_degrees(4, layers, units, n, seed=data.draw(seeds)):
        assert degrees.min() >= 0 and degrees.max() <= n - 2
        masks = layer_masks(data.draw(orders((n,))).rank, degrees)
        from_inputs, to_outputs = masks[0].any(1), masks[-1].any(0)
        for mask in masks[1:-1]:
            assert mask[:, from_inputs].any(1).all()
        for mask in reversed(masks[1:-1]):
            assert mask[to_outputs].any(0).all()
        assert from_inputs.all() and to_outputs.all()


def test_with_one_coefficient_units_see_nothing_and_reach_its_output():
    degrees = sampled_degrees(2, 2, 5, 1)
    into, between, out = layer_masks(torch.tensor([0]), degrees[1])
    assert not into.any() and between.all() and out.all()


def test_every_unit_has_a_uniform_degree():
    """As in the paper, although the units of one layer are not independent."""
    degrees = sampled_degrees(4001, 1, 7, 4, seed=1)[1:, 0]
    frequency = torch.stack([(degrees == m).double().mean(0) for m in range(3)])
    # five standard deviations of 4000 draws
    assert (frequency - 1 / 3).abs().max() < 5 * (2 / 9 / 4000) ** 0.5


def test_connectivities_follow_from_the_seed_alone():
    def degrees(spec, seed):
        torch.manual_seed(seed)
        return build((9,), "raster", "bernoulli", spec).backbone.connectivities.degrees

    one, same = (degrees("made:hidden=20,connectivities=3", seed) for seed in (1, 2))
    assert torch.equal(one, same)
    other = degrees("made:hidden=20,connectivities=3,seed=1", 1)
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])
    assert not torch.equal(one[1], one[2])


# --- common mistakes ------------------------------------------------------------------------------------------------


def test_weights_are_the_same_after_many_connectivities_and_orders():
    """Masks multiplied into the weights would leave the intersection of all of them."""
    model = _model((6,), f"made:hidden=8,connectivities={CONNECTIVITIES},direct_connections=true").train()
    before = copy.deepcopy(model.state_dict())
    features = model.features(events_of(model, 3, 0))
    for _ in range(20):
        model.backbone(features, model.ordering.draw((6,))).sum().backward()
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any("mask" in key or "degrees" in key for key in after)


@pytest.mark.parametrize("training", [True, False])
@given(data=st.data())
def test_each_connectivity_is_causal_before_any_training(training, data):
    shape = data.draw(event_shapes())
    torch.manual_seed(data.draw(seeds))
    spec = f"made:hidden=8,connectivities={CONNECTIVITIES},direct_connections=true"
    model = build(shape, "shuffled", "bernoulli", spec).double().train(training)
    order, step = data.draw(orders(shape)), data.draw(st.integers(0, len(model.order) - 1))
    features = torch.randn(1, *shape, 1).double()
    changed = torch.where(order.mask_before(step).unsqueeze(-1), features, torch.randn_like(features))
    both = torch.cat([features, changed])
    for k in range(CONNECTIVITIES):
        model.backbone.connectivity = k
        one, other = model.backbone(both, order).reshape(2, -1)[:, order.visits[: step + 1]]
        torch.testing.assert_close(one, other, **CLOSE)


def test_masked_weights_get_no_gradient_and_all_others_some():
    model = _always_active(_model((5,), "made:hidden=8,direct_connections=true"))
    network, order = model.backbone, model.order
    network(torch.ones(1, 5, 1).double(), order).sum().backward()
    for layer, mask in zip([*network.layers, network.output], layer_masks(order.rank, network.degrees), strict=True):
        assert torch.equal(layer.weight.grad != 0, mask)
    assert torch.equal(network.direct.weight.grad != 0, order.causal_mask())


def test_connectivities_differ():
    model = _model((6,), f"made:hidden=12,connectivities={CONNECTIVITIES}")
    x, found = events_of(model, 4, 0), []
    for k in range(CONNECTIVITIES):
        model.backbone.connectivity = k
        found.append(model.log_prob(x))
    assert len({tuple(nats.tolist()) for nats in found}) == CONNECTIVITIES


@given(data=st.data())
def test_each_connectivity_is_one_distribution_and_so_is_their_mixture(data):
    model = data.draw(models(backbone=f"made:hidden=8,connectivities={CONNECTIVITIES}"))
    mixture = 0
    for k in range(CONNECTIVITIES):
        model.backbone.connectivity = k
        _, probability = joint(model)
        torch.testing.assert_close(probability.sum(), torch.ones(()).double())
        mixture = mixture + probability / CONNECTIVITIES
    torch.testing.assert_close(mixture.sum(), torch.ones(()).double())


def test_training_draws_all_connectivities_from_the_global_generator():
    model = _model((6,), f"made:hidden=12,connectivities={CONNECTIVITIES}").train()
    x = events_of(model, 4, 0)

    def losses():
        return [parameters_of(model, x).sum().item() for _ in range(40)]

    torch.manual_seed(3)
    first = losses()
    torch.manual_seed(3)
    assert losses() == first
    assert len(set(first)) == CONNECTIVITIES


@pytest.mark.parametrize(("connectivities", "training"), [(1, True), (1, False), (CONNECTIVITIES, False)])
def test_a_single_connectivity_draws_nothing(connectivities, training):
    model = _model((6,), f"made:hidden=12,connectivities={connectivities}").train(training)
    x, before = events_of(model, 4, 0), torch.get_rng_state()
    assert torch.equal(parameters_of(model, x), parameters_of(model, x))
    assert torch.equal(torch.get_rng_state(), before)


# --- cached masks ---------------------------------------------------------------------------------------------------


@given(data=st.data())
def test_cached_masks_are_those_of_the_given_order(data):
    shape = data.draw(event_shapes(min_coefficients=2))
    model = _model(shape)
    features = model.features(events_of(model, 3, 0))
    several = [data.draw(orders(shape)) for _ in range(3)]
    for order in [*several, *several, several[-1]]:
        expected = copy.deepcopy(_model(shape)).backbone(features, Order(order.visits, shape))
        assert torch.equal(model.backbone(features, order), expected)


def test_cached_masks_follow_the_dtype_and_serve_copies():
    model = build((4,), "raster", "bernoulli", "made:hidden=8")
    x = torch.ones(2, 4)
    single = model.log_prob(x)
    torch.testing.assert_close(copy.deepcopy(model).double().log_prob(x).float(), single)
    assert model.double().log_prob(x).dtype == torch.float64
    torch.testing.assert_close(model.float().log_prob(x), single)


def test_autocast_to_half_precision():
    model = build((40,), "raster", "bernoulli", "made:hidden=8,direct_connections=true", context_features=2)
    x, context = torch.rand(3, 40).round(), torch.randn(3, 2)
    expected = -model.log_prob(x, context).mean()
    with torch.autocast("cpu", torch.bfloat16):
        found = model.loss(x, context)
        found.backward()
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)


def test_an_empty_batch():
    model = build((5,), "raster", "bernoulli", "made:hidden=3,direct_connections=true")
    assert model.log_prob(torch.zeros(0, 5)).shape == (0,)


@pytest.mark.parametrize("backbone", ["made:hidden=8,direct_connections=true", "nade:hidden=8"])
@pytest.mark.parametrize("head", ["bernoulli", "categorical:levels=3"])
def test_initial_outputs_can_be_set_per_coefficient(backbone, head):
    model = _model((2, 3), backbone, head=head)
    for name, parameter in model.named_parameters():
        if not name.endswith("bias"):
            parameter.data.zero_()
    marginal = torch.randn(2, 3, model.head.parameter_count)
    model.backbone.init_output_bias(marginal)
    found = parameters_of(model, events_of(model, 2, 0))
    torch.testing.assert_close(found, marginal.double().reshape(1, 6, -1).expand(2, -1, -1))


@pytest.mark.parametrize("option", ["hidden", "layers", "connectivities"])
def test_a_size_of_zero_is_refused(option):
    with pytest.raises(SpecError, match=option):
        build((4,), "raster", "bernoulli", f"made:{option}=0")
