"""Ensembles of orders: a mixture of distributions is a distribution, a mean of logits is not one of its kind."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, Order, Run, ShapeError, build, default_registry, train
from tensorar.raster_adapter import network_signature
from tensorar.testing import event_shapes, joint, models, p_value, randomize
from tensorar.testing.oracles import SIGNIFICANCE
from tensorar.utils.shapes import MAX_EVENTS_PER_CALL
from tests.core import toy_backbones
from tests.part_specs import backbone_specs
from tests.training.helpers import recipe, registry


def _ensemble(backbone, shape, seed=0, head="bernoulli"):
    return randomize(build(shape, "flips", head, backbone), seed)


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_the_mixture_sums_to_one_and_is_the_mean_of_its_members(backbone, data):
    model = data.draw(models(backbone=backbone, ordering="flips", max_coefficients=5))
    _, probability = joint(model)
    torch.testing.assert_close(probability.sum(), torch.ones(()).double(), atol=1e-9, rtol=0)
    members = [joint(model, order=order)[1] for order in model.orders]
    torch.testing.assert_close(probability, torch.stack(members).mean(0))


def test_a_mean_of_logits_would_not_sum_to_one():
    """The known mistake: each conditional is normalized, but the joint is not the mixture of the members."""
    model = _ensemble("fvsbn", (3,))
    values, mixture = joint(model)
    logits = torch.stack([model.conditionals(values, order=order).logits for order in model.orders]).mean(0)
    averaged = torch.distributions.Bernoulli(logits=logits).log_prob(values).sum(-1).exp()
    assert abs(averaged.sum() - 1) > 1e-3
    assert abs(mixture.sum() - 1) < 1e-12


@given(shape=event_shapes(max_coefficients=24))
def test_there_is_an_order_from_every_corner(shape):
    orders = default_registry().create("ordering", "flips").orders(shape)
    assert len(orders) == 2 ** sum(size > 1 for size in shape)
    assert orders[0] == Order.raster(shape)
    assert all(order.raster_view.axes == tuple(range(len(shape))) for order in orders)
    assert len({tuple(order.visits.tolist()) for order in orders}) == len(orders)


def test_only_the_axes_that_are_named_are_flipped():
    orders = default_registry().create("ordering", "flips:flip=1,axes=1 0").orders((2, 3))
    assert [order.visits[0].item() for order in orders] == [0, 2]
    with pytest.raises(ShapeError, match="axes that include 5 for the ordering 'flips'"):
        default_registry().create("ordering", "flips:flip=5").orders((2, 3))


def test_evidence_is_completed_in_the_order_that_visits_it_first():
    model = _ensemble("fvsbn", (2, 3))
    bottom = torch.tensor([[False] * 3, [True] * 3])
    known = Evidence(torch.stack([bottom, bottom.flip(0)]), torch.ones(2, 2, 3))
    for rows, order in model.orders_for_completion(known.mask):
        for row in rows:
            assert known.mask[row][order.rank < 3].all()
    assert model.next_coefficient(known).tolist() == [0, 3]
    drawn = model.sample(evidence=known, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn[known.mask], known.value[known.mask])


def test_a_conditional_is_that_of_the_member_in_which_the_evidence_comes_first():
    model = _ensemble("fvsbn", (4,))
    mask = torch.tensor([[False, False, True, True]])
    posterior = model.conditional(Evidence(mask, torch.ones(1, 4).double()))
    backwards = model.orders[1]
    expected = model.conditionals(torch.ones(1, 4).double(), order=backwards).logits[:, 1]
    torch.testing.assert_close(posterior.logits, expected)


def test_a_raster_network_takes_flips_but_not_orders_that_differ_in_more():
    signature = _signature((2, 2), (Order.raster((2, 2)), Order.raster((2, 2)).flip((0,))))
    assert network_signature(toy_backbones.Triangle, signature).order == Order.raster((2, 2))
    with pytest.raises(ShapeError, match="differ in more than flips"):
        network_signature(
            toy_backbones.Triangle, _signature((2, 3), (Order.raster((2, 3)), Order.raster((3, 2)).permute((1, 0))))
        )
    with pytest.raises(ShapeError, match="raster order"):
        network_signature(toy_backbones.Triangle, _signature((2, 2), ()))


def _signature(shape, orders):
    from tensorar import Signature

    return Signature(shape, 1, 1, orders=orders)


def test_the_likelihood_in_one_order_of_an_ensemble():
    model = _ensemble("fvsbn", (3,))
    x = torch.tensor([[1.0, 0.0, 1.0]])
    each = torch.stack([model.log_prob(x, order=order) for order in model.orders])
    torch.testing.assert_close(model.log_prob(x), each.logsumexp(0) - math.log(2))


def test_completions_follow_the_posterior_of_the_mixture():
    """Evidence reweights the orders that visit it first, by its likelihood in each."""
    model = randomize(build((2, 2), "flips", "bernoulli", "fvsbn"), 3, spread=1.5)
    mask = torch.tensor([[True, True], [False, False]])
    known = Evidence(mask[None], torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]).double())
    values, _ = joint(model)
    first = [order for order in model.orders if mask[order.rank < 2].all()]
    assert len(first) == 2
    mixture = torch.stack([joint(model, order=order)[1] for order in first]).mean(0)
    mixture = torch.where((values == known.value)[:, mask].all(1), mixture, 0)
    samples = model.sample(4000, known, generator=torch.Generator().manual_seed(1))
    counts = (samples.reshape(-1, 1, 4) == values.reshape(1, -1, 4)).all(2).sum(0)
    assert p_value(counts, mixture / mixture.sum()) > SIGNIFICANCE


def test_validation_scores_the_mixture(tmp_path):
    settings = {"steps": 4, "evaluate_every": 4, "ema": 0.0, "valid_events": 64}
    made = recipe(ordering="flips", backbone="mlp:hidden=8", **settings)
    run = Run.create(tmp_path / "run", made, registry=registry())
    train(run, device="cpu")
    (row,) = run.metrics()
    assert row["valid_exact"]
    scored = -run.model.log_prob(run.dataset.valid).mean().item()
    assert abs(row["valid_nats"] - scored) < 1e-4


def test_a_pass_takes_few_events_at_a_time_if_no_gradient_needs_them_all():
    """Means, and the orders of completions: a batch of any size fits into memory."""
    model, rows = build((2, 2), "flips", "bernoulli", "fvsbn"), []
    model.backbone.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    x = torch.ones(200, 2, 2)
    assert model.conditional_means(x).shape == x.shape
    model.sample(evidence=Evidence(torch.tensor([[True, False], [False, False]]).expand(200, 2, 2), x))
    assert max(rows) <= MAX_EVENTS_PER_CALL < 200 and sum(rows) == 200 * (1 + len(model.orders))
