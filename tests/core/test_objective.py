"""The loss is the exact negative log-likelihood, or an estimate whose mean is exactly that."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorar import CausalBackbone, Order, Ordering, build, objective
from tensorar.testing import events_of, models, randomize, seeds
from tests.part_specs import backbone_class, backbone_specs, head_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

causal = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), CausalBackbone)]
evidential = [spec for spec in backbone_specs() if spec not in causal]
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture
def at_step(monkeypatch):
    """Make every example of the batch train at one chosen step."""

    def choose(t):
        monkeypatch.setattr(objective, "stratified_steps", lambda batch, *_: torch.full((batch,), t))

    return choose


class Listed(Ordering):
    """Draws from a list of orders, one after the other."""

    name = "listed"
    fixed = False

    def __init__(self, orders, *, uniform):
        self.listed, self.uniform = orders, uniform
        self.upcoming = itertools.cycle(orders)

    def visits(self, event_shape):
        return self.listed[0].visits

    def draw(self, event_shape, generator=None):
        return next(self.upcoming)


@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("backbone", causal)
@settings(max_examples=3)
@given(data=st.data())
def test_the_loss_of_a_causal_backbone_is_exact(backbone, head, data):
    model = data.draw(models(backbone=backbone, head=head, max_coefficients=12, fixed=True))
    x = events_of(model, 4, data.draw(seeds))
    torch.testing.assert_close(model.loss(x), -model.log_prob(x).mean(), **CLOSE)
    torch.testing.assert_close(model(x), model.loss(x), rtol=0, atol=0)


@pytest.mark.parametrize("backbone", causal)
def test_a_causal_backbone_trains_on_the_order_that_is_drawn(backbone):
    if backbone_class(backbone).orders == "raster":
        pytest.skip(f"{backbone} knows one order only")
    chosen = Order(torch.tensor([2, 0, 1]), (3,))
    model = randomize(build((3,), Listed([chosen], uniform=False), "bernoulli", backbone), 0)
    x = events_of(model, 4, 0)
    torch.testing.assert_close(model.loss(x), -model.log_prob(x, order=chosen).mean(), **CLOSE)


@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("backbone", evidential)
@pytest.mark.parametrize("ordering", ["raster", "diagonal"])
def test_over_all_steps_the_estimate_is_exact(backbone, head, ordering, at_step):
    model = randomize(build((2, 3), ordering, head, backbone), 1)
    x = events_of(model, 4, 0)
    losses = []
    for t in range(6):
        at_step(t)
        losses.append(model.loss(x))
    torch.testing.assert_close(torch.stack(losses).mean(), -model.log_prob(x).mean(), **CLOSE)


def _over_steps_and_orders(model, x, steps, orders, at_step):
    """The mean estimate over every step and every order of a list that the model's ordering goes through."""
    losses = []
    for t in range(steps):
        at_step(t)
        # each example draws its own order: one example at a time sees them one after the other
        losses += [model.loss(x) for _ in range(orders)]
    return torch.stack(losses).mean()


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("backbone", evidential)
def test_over_all_orders_and_steps_the_estimate_is_exact(backbone, head, uniform, at_step):
    orders = [Order(torch.tensor(visits), (3,)) for visits in itertools.permutations(range(3))]
    model = randomize(build((3,), Listed(orders, uniform=uniform), head, backbone), 2)
    x = events_of(model, 1, 0)
    exact = torch.stack([-model.log_prob(x, order=order).mean() for order in orders]).mean()
    torch.testing.assert_close(_over_steps_and_orders(model, x, 3, 6, at_step), exact, **CLOSE)


@pytest.mark.parametrize("backbone", evidential)
def test_an_ensemble_of_two_orders_is_estimated_without_bias(backbone, at_step):
    """All unknown coefficients may stand for the next one only where each is as likely to be it."""
    orders = [Order(torch.tensor(visits), (3,)) for visits in ([0, 1, 2], [2, 1, 0])]
    model = randomize(build((3,), Listed(orders, uniform=False), "bernoulli", backbone), 3)
    x = events_of(model, 1, 0)
    exact = torch.stack([-model.log_prob(x, order=order).mean() for order in orders]).mean()
    torch.testing.assert_close(_over_steps_and_orders(model, x, 3, 2, at_step), exact, **CLOSE)


@given(batch=st.integers(1, 200), steps=st.integers(1, 50), seed=seeds)
def test_steps_are_spread_as_evenly_as_they_can_be(batch, steps, seed):
    t = objective.stratified_steps(batch, steps, torch.Generator().manual_seed(seed))
    counts = t.bincount(minlength=steps)
    assert t.shape == (batch,)
    assert len(counts) == steps
    # a stretch of length 1 / steps holds floor or ceil of batch / steps points that are 1 / batch apart
    assert counts.max() - batch / steps <= 1 and batch / steps - counts.min() <= 1


def test_the_step_of_each_example_is_uniform():
    generator = torch.Generator().manual_seed(0)
    t = torch.stack([objective.stratified_steps(3, 4, generator) for _ in range(4000)])
    for example in range(3):
        assert (t[:, example].bincount(minlength=4) - 1000).abs().max() < 5 * (4000 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize("backbone", backbone_specs())
def test_the_generator_of_the_loss_decides_its_noise(backbone):
    ordering = "raster" if backbone_class(backbone).orders == "raster" else "shuffled"
    model = randomize(build((5,), ordering, "bernoulli", backbone), 0)
    x = events_of(model, 7, 0)
    before = torch.get_rng_state()
    first, again = (model.loss(x, generator=torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
