"""Generation step by step: the chain rule with an explicit state, for every backbone and kind of order."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from tensorar import (
    AutoregressiveModel,
    CausalBackbone,
    Order,
    PluginError,
    ShapeError,
    SpecError,
    Stepper,
    SupportError,
    build,
)
from tensorar.backbone import Signature
from tensorar.testing import events_of, joint, randomize
from tests.part_specs import backbone_class, backbone_specs

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
causal = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), CausalBackbone)]
any_order = [spec for spec in backbone_specs() if backbone_class(spec).orders == "any"]


def _model(backbone, *, shape=(2, 3), ordering="raster", head="categorical:levels=3", context_features=0):
    model = build(shape, ordering, head, backbone, context_features=context_features)
    return randomize(model, 0, spread=0.4)


def _scored(state, x):
    """The log-probability of complete events, one coefficient after another."""
    flat, total = x.reshape(len(x), -1), 0.0
    while not state.done:
        value = flat[torch.arange(len(x)), state.coefficient]
        total = total + state.distribution().log_prob(value)
        state.observe(value)
    return total


@pytest.mark.parametrize("backbone", backbone_specs())
def test_the_steps_multiply_to_the_likelihood(backbone):
    model = _model(backbone, context_features=2)
    x, context = events_of(model, 4, 1), torch.randn(4, 2).double()
    state = model.generation(4, context=context)
    torch.testing.assert_close(_scored(state, x), model.log_prob(x, context).detach(), **CLOSE)
    assert len(state) == state.position == 6
    assert torch.equal(state.evidence.value, x)
    assert state.evidence.mask.all()
    state.reset()
    assert not state.evidence.mask.any()
    torch.testing.assert_close(_scored(state, x), model.log_prob(x, context).detach(), **CLOSE)


@pytest.mark.parametrize("backbone", any_order)
def test_examples_may_follow_different_orders(backbone):
    model = _model(backbone, ordering="shuffled", context_features=2)
    orders = [Order.raster((2, 3)), Order.raster((2, 3)).flip((0,)), Order(torch.tensor([3, 1, 4, 0, 5, 2]), (2, 3))]
    mixed = [orders[k] for k in (2, 0, 1, 0, 2)]
    x, context = events_of(model, 5, 1), torch.randn(5, 2).double()
    each = [model.log_prob(x[i : i + 1], context[i : i + 1], order=order) for i, order in enumerate(mixed)]
    expected = torch.cat(each).detach()
    state = model.generation(5, mixed, context)
    assert state.coefficient.tolist() == [3, 0, 3, 0, 3]
    torch.testing.assert_close(_scored(state, x), expected, **CLOSE)
    rows = torch.tensor([4, 4, 1, 0, 2, 1, 1])
    state.reset()
    for _ in range(3):
        state.observe(x.reshape(5, -1)[torch.arange(5), state.coefficient])
    state.select(rows)
    selected = model.generation(7, [mixed[i] for i in rows], context[rows])
    for _ in range(3):
        selected.observe(x[rows].reshape(7, -1)[torch.arange(7), selected.coefficient])
    torch.testing.assert_close(_scored(state, x[rows]), _scored(selected, x[rows]), **CLOSE)


@pytest.mark.parametrize("backbone", backbone_specs())
def test_beam_search_over_all_prefixes_finds_the_most_likely_event(backbone):
    model = _model(backbone, shape=(4,), head="categorical:levels=2")
    state, scores = model.generation(1), torch.zeros(1).double()
    while not state.done:
        conditional, levels = state.distribution(), torch.arange(2.0).double()
        extended = scores[:, None] + torch.stack([conditional.log_prob(v) for v in levels], 1)
        scores, best = extended.flatten().topk(min(16, extended.numel()))
        state.select(best // 2)
        state.observe(levels[best % 2])
    values, probability = joint(model)
    torch.testing.assert_close(scores[0].exp(), probability.max(), **CLOSE)
    assert torch.equal(state.evidence.value[0], values[probability.argmax()])
    assert len(state.evidence.value.unique(dim=0)) == len(values) == 16


def test_other_weights_are_followed_by_a_generation_that_begins_again():
    model = _model("nade:hidden=5")
    x, state = events_of(model, 3, 1), model.generation(3)
    before = _scored(state, x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    state.reset()
    after = _scored(state, x)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, model.log_prob(x).detach(), **CLOSE)


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("backbone", backbone_specs())
def test_small_batches_and_events_of_one_number(backbone, batch):
    model = _model(backbone, shape=())
    state = model.generation(batch)
    assert state.coefficient == 0
    state.observe(state.distribution().sample())
    assert state.done
    assert state.evidence.value.shape == (batch,)


def test_observed_values_need_no_distribution():
    """Observed coefficients need no network pass with an evidence backbone if ``distribution`` is not called."""
    model = _model("mlp:hidden=8")
    x, state = events_of(model, 3, 1).reshape(3, -1), model.generation(3)
    for t in range(5):
        state.observe(x[:, t])
    assert state.stepper.passes == 0
    expected = model.conditional(model.order.evidence_before(x.reshape(3, 2, 3), 5))
    torch.testing.assert_close(state.distribution().logits, expected.logits.detach(), **CLOSE)
    assert state.stepper.passes == 1


def test_no_examples_of_different_orders():
    model = _model("fvsbn", ordering="shuffled")
    state = model.generation(2, [Order.raster((2, 3)), Order.raster((2, 3)).flip((0,))])
    state.select(torch.zeros(0, dtype=torch.long))
    state.observe(state.distribution().sample())
    assert state.distribution().logits.shape == (0, 3)


@pytest.mark.parametrize("rows", [torch.tensor([3]), torch.tensor([-1]), torch.tensor([0.0]), torch.tensor([[0]])])
def test_rows_that_are_not_there(rows, without_shape_checks):
    with pytest.raises(ShapeError, match="integers from 0 to 2"):
        _model("fvsbn").generation(3).select(rows)


def test_what_cannot_be_observed(without_shape_checks):
    state = _model("fvsbn").generation(3)
    with pytest.raises(SupportError, match=r"integers from 0 to 2.*in the observed values"):
        state.observe(torch.tensor([0.0, 3.0, 1.0]))
    with pytest.raises(ShapeError, match="a value for each example"):
        state.observe(torch.zeros(2))
    for _ in range(6):
        state.observe(torch.zeros(3))
    for refused in (state.distribution, lambda: state.coefficient, lambda: state.observe(torch.zeros(3))):
        with pytest.raises(ShapeError, match=r"left to visit.*reset"):
            refused()


def test_observed_values_are_copied():
    """The caller may write the next values into the same tensor."""
    model = _model("fvsbn")
    x, state, buffer = events_of(model, 3, 1).reshape(3, -1), model.generation(3), torch.empty(3).double()
    for t in range(6):
        state.observe(buffer.copy_(x[:, t]))
    assert torch.equal(state.evidence.value.reshape(3, -1), x)


@pytest.mark.parametrize("backbone", backbone_specs())
def test_autocast_changes_nothing(backbone):
    model = build((2, 3), "raster", "bernoulli", backbone, context_features=2).eval()
    context = torch.randn(2, 2)

    def walk():
        state = model.generation(2, context=context)
        state.observe(torch.ones(2))
        state.select(torch.tensor([1, 0, 1]))
        state.observe(torch.zeros(3))
        return state.distribution().logits

    expected = walk()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(walk(), expected)


def test_a_raster_network_needs_its_adapter():
    parts = build((3, 3), "raster", "bernoulli", "fvsbn")
    network = build((3, 3), "raster", "bernoulli", "gated_pixelcnn:channels=2,layers=1").backbone.network
    with pytest.raises(SpecError, match=r"raster order only.*tensorar\.build"):
        AutoregressiveModel((3, 3), parts.ordering, parts.head, network)


def test_orders_that_do_not_fit(without_shape_checks):
    model = _model("fvsbn")
    with pytest.raises(ShapeError, match="order of"):
        model.generation(2, Order.raster((3, 2)))
    with pytest.raises(ShapeError, match="one for each of the 2 examples"):
        model.generation(2, [Order.raster((2, 3))] * 3)
    with pytest.raises(ShapeError, match="n >= 0"):
        model.generation(-1)


@pytest.mark.parametrize("backbone", causal)
@pytest.mark.parametrize("known", [0, 1, 2, 5])
def test_a_prefix_taken_in_at_once_is_one_visited_step_by_step(backbone, known):
    model = _model(backbone)
    values = torch.tensor([[0.0, 1.0, 2.0, 1.0, 0.0], [2.0, 0.0, 1.0, 1.0, 2.0]])[:, :known]
    at_once, one_by_one = model.generation(2), model.generation(2)
    at_once.prefill(values)
    for value in values.unbind(1):
        one_by_one.observe(value)
    assert at_once.position == known
    assert torch.equal(at_once.evidence.value, one_by_one.evidence.value)
    logits = (state.distribution().logits for state in (at_once, one_by_one))
    torch.testing.assert_close(*logits, **CLOSE)


class OnlySteps(Stepper):
    """A third-party stepper that can do no more than sampling needs."""

    def __init__(self, bias):
        self.bias, self.t = bias, 0

    def step(self, features):
        self.t += 1
        return self.bias[self.t - 1]


class Independent(CausalBackbone):
    """A bias for each coefficient."""

    name = "independent"

    def __init__(self, signature):
        super().__init__(signature)
        self.bias = nn.Parameter(torch.randn(*signature.event_shape, signature.parameter_count))

    def forward(self, features, order, context=None):
        return self.bias.expand(len(features), *self.bias.shape)

    def stepper(self, order, batch, context=None):
        return OnlySteps(self.bias.flatten(0, -2)[order.visits].unsqueeze(1).expand(-1, batch, -1))


def test_a_stepper_that_only_steps_samples_and_names_what_it_lacks(without_shape_checks):
    parts = build((4,), "raster", "bernoulli", "fvsbn")
    backbone = Independent(Signature((4,), 1, 1, orders=(Order.raster((4,)),)))
    model = AutoregressiveModel((4,), parts.ordering, parts.head, backbone)
    assert torch.equal(*(model.sample(5, method=m, generator=torch.Generator()) for m in ("cached", "naive")))
    assert model.sample(5, memory=1).shape == (5, 4)
    state = model.generation(5)
    for method, call in (("select", lambda: state.select(torch.tensor([0]))), ("reset", state.reset)):
        with pytest.raises(PluginError, match=f"a stepper with {method}.*OnlySteps, which only steps.*CachedStepper"):
            call()


@pytest.mark.parametrize("backbone", causal)
def test_values_of_one_example_do_not_leak_into_another(backbone):
    """After ``select`` with repeats the copies go their own ways."""
    model = _model(backbone)
    state = model.generation(1)
    state.observe(torch.zeros(1))
    state.select(torch.tensor([0, 0, 0]))
    for values in itertools.islice(itertools.cycle([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]]), 4):
        state.observe(torch.tensor(values))
    x = torch.where(state.evidence.mask, state.evidence.value, 0.0)
    expected = model.conditional(model.order.evidence_before(x, 5))
    torch.testing.assert_close(state.distribution().logits, expected.logits.detach(), **CLOSE)
