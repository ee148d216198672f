"""Mixtures of random orders: likelihoods and samples against the joint distributions of their members."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from tensorar import Evidence, Order, ShapeError, SpecError, build, evaluate
from tensorar.testing import randomize
from tensorar.training.mixture_estimate import estimated_mean

BACKBONES = ["mlp:hidden=6,layers=2", "convnet:channels=2,hidden=4", "made:hidden=6", "nade:hidden=4"]
EVENTS = torch.tensor([*itertools.product((0.0, 1.0), repeat=3)], dtype=torch.float64)


def _model(backbone, ordering="shuffled"):
    return randomize(build((3,), ordering, "bernoulli", backbone), 2, spread=1.0)


@torch.no_grad()
def _members(model, orders):
    return torch.stack([model.log_prob(EVENTS, order=order) for order in orders])


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("ordering", ["shuffled", "annealed", "mixed:share=0.5"])
def test_the_mean_is_a_bound_and_the_mixture_a_distribution(backbone, ordering):
    model = _model(backbone, ordering)
    members = _members(model, model.draw_orders(5, seed=3))
    over = [evaluate(model, event[None], orders=5, seed=3) for event in EVENTS]
    mixture = torch.tensor([found.nats for found in over], dtype=torch.float64)
    assert float((-mixture).exp().sum()) == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(mixture, -members.exp().mean(0).log(), rtol=1e-9, atol=1e-9)
    for found, mean in zip(over, -members.mean(0), strict=True):
        assert found.over_orders.mean_nats == pytest.approx(float(mean), abs=1e-9)
        assert found.over_orders.mixture_nats == found.nats <= found.over_orders.mean_nats + 1e-12
        assert found.exact and found.over_orders.orders == 5
        assert math.isnan(found.standard_error)


def test_standard_errors_are_over_the_events():
    model, n = _model("mlp:hidden=6"), len(EVENTS)
    found = evaluate(model, EVENTS, orders=4)
    members = -_members(model, model.draw_orders(4))
    mixture = -torch.logsumexp(-members, 0) + math.log(4)
    assert found.standard_error == pytest.approx(float(mixture.std()) / n**0.5)
    assert found.over_orders.mean_standard_error == pytest.approx(float(members.mean(0).std()) / n**0.5)


@pytest.mark.parametrize("backbone", ["mlp:hidden=6,layers=2", "convnet:channels=2,hidden=4"])
@pytest.mark.parametrize("observed", [False, True])
def test_the_mean_is_estimated_over_the_orders_and_not_in_one(backbone, observed):
    model = randomize(build((3,), "shuffled", "bernoulli", backbone), 2, spread=1.5)
    x = EVENTS.repeat(40, 1)
    x = Evidence(torch.ones_like(x, dtype=torch.bool), x) if observed else x
    found = estimated_mean(model, x, None, orders=3, samples_per_event=40, seed=1)
    mean, own = (-float(_members(model, orders).mean()) for orders in (model.draw_orders(3, seed=1), [model.order]))
    assert not found.exact
    assert abs(found.nats - mean) < 0.2 * abs(own - mean)


def test_progress_counts_pairs_of_event_and_order():
    told = []
    events = EVENTS.repeat(20, 1)  # 160: two chunks
    found = evaluate(_model("made:hidden=6"), events, orders=3, progress=lambda *now: told.append(now))
    assert [done for done, _, _ in told] == [100, 200, 300, 360, 420, 480]
    assert {total for _, total, _ in told} == {480}
    assert told[-1][2] == pytest.approx(found.over_orders.mean_nats)


def test_the_orders_follow_from_the_seed():
    model = _model("made:hidden=6")
    before = torch.get_rng_state()
    assert model.draw_orders(7, seed=1)[:3] == model.draw_orders(3, seed=1)
    assert model.draw_orders(7, seed=1) != model.draw_orders(7, seed=2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("ordering", "why"), [("raster", "always the same"), ("flips", "an ensemble")])
def test_orders_of_an_ordering_that_does_not_vary(ordering, why):
    model = _model("made:hidden=6", ordering)
    for call in (lambda: evaluate(model, EVENTS, orders=3), lambda: model.draw_orders(3)):
        with pytest.raises(SpecError, match=why) as error:
            call()
        assert "\n" not in str(error.value)


def test_orders_that_are_refused():
    model = _model("mlp:hidden=6")
    with pytest.raises(SpecError, match="at least one order, got 0"):
        evaluate(model, EVENTS, orders=0)
    with pytest.raises(SpecError, match="exact likelihoods in several orders"):
        evaluate(model, EVENTS, orders=2, exact=False)
    with pytest.raises(SpecError, match="at least one order"):
        model.sample(2, orders=[])
    with pytest.raises(SpecError, match="both orders and evidence"):
        model.sample(evidence=Evidence.none(2, (3,)), orders=model.draw_orders(2))
    with pytest.raises(ShapeError, match="an order of"):
        model.sample(2, orders=[Order.raster((4,))])


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", BACKBONES)
def test_samples_follow_the_mixture(backbone):
    model, n = _model(backbone), 6000
    orders = model.draw_orders(3, seed=1)
    expected = _members(model, orders).exp().mean(0)
    drawn = model.sample(n, orders=orders, generator=torch.Generator().manual_seed(0))
    frequency = (drawn[:, None] == EVENTS).all(2).double().mean(0)
    assert ((frequency - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt()).all()
    far = (expected - _members(model, [model.order])[0].exp()).abs().max()
    assert far > 0.02, "the test would not notice samples in one order"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_each_sample_is_that_of_one_of_the_orders(backbone):
    """With the same noise, and whatever the number of samples."""
    model, orders = _model(backbone), _model(backbone).draw_orders(4)

    def seeded():
        return torch.Generator().manual_seed(5)

    mixed = model.sample(40, orders=orders, generator=seeded())
    alone = torch.stack([model.sample(40, orders=[order], generator=seeded()) for order in orders])
    assert (alone == mixed).all(2).any(0).all()
    assert len({tuple(sample.flatten().tolist()) for sample in alone}) > 1
    torch.testing.assert_close(model.sample(9, orders=orders, generator=seeded()), mixed[:9], rtol=0, atol=0)
    small = model.sample(40, orders=orders, generator=seeded(), memory=1)
    torch.testing.assert_close(small, mixed, rtol=0, atol=0)


@pytest.mark.parametrize(("backbone", "groups"), [("mlp:hidden=6", 1), ("made:hidden=6", 3)])
def test_the_steps_of_a_mixture_are_counted(backbone, groups):
    """An evidence backbone draws all orders at once, a causal one order by order."""
    model, told = _model(backbone), []
    model.sample(60, orders=model.draw_orders(3), progress=lambda *now: told.append(now))
    assert told == [(step, 3 * groups) for step in range(1, 3 * groups + 1)]


def test_completions_with_different_masks_are_drawn_together():
    """One pass of an evidence backbone serves a step of every example, whatever each of them knows."""
    model, n = _model("mlp:hidden=6"), 3000
    masks = torch.tensor([[True, False, False], [False, False, True], [False, True, True]]).repeat(n, 1)
    value = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 1.0, 0]]).repeat(n, 1)
    passes = []
    backbone_forward = type(model.backbone).forward

    def counting(*arguments):
        passes.append(len(arguments[1]))
        return backbone_forward(*arguments)

    type(model.backbone).forward = counting
    try:
        drawn = model.sample(evidence=Evidence(masks, value), generator=torch.Generator().manual_seed(0))
    finally:
        type(model.backbone).forward = backbone_forward
    assert len(passes) == 2  # the third step is known to none, the first to all
    assert torch.equal(drawn[masks], value.to(drawn)[masks])
    for k in range(3):
        order = model.order.observed_first(masks[k])
        consistent = (EVENTS[:, masks[k]] == value[k, masks[k]]).all(1)
        expected = torch.where(consistent, _members(model, [order])[0], -torch.inf).softmax(0)
        frequency = (drawn[k::3, None] == EVENTS).all(2).double().mean(0)
        assert ((frequency - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt() + 1e-9).all()
