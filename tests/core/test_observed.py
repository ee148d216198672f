"""The likelihood of what was observed: the chain rule over the observed coefficients, by enumeration and by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from tensorar import CausalBackbone, Evidence, Order, Ordering, SupportError, build, objective
from tensorar.testing import events_of, joint, randomize
from tests.part_specs import backbone_class, backbone_specs, head_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
RASTER_ONLY = [spec for spec in backbone_specs() if backbone_class(spec).orders == "raster"]
ANY_ORDER = [spec for spec in backbone_specs() if spec not in RASTER_ONLY]
CAUSAL = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), CausalBackbone)]
EVIDENTIAL = [spec for spec in backbone_specs() if spec not in CAUSAL]


class Listed(Ordering):
    """Draws from a list of orders, one after the other."""

    name = "listed"
    fixed = False

    def __init__(self, orders, *, uniform):
        self.orders_drawn, self.uniform = orders, uniform
        self.upcoming = itertools.cycle(orders)

    def visits(self, event_shape):
        return self.orders_drawn[0].visits

    def draw(self, event_shape, generator=None):
        return next(self.upcoming)


PERMUTATIONS = [Order(torch.tensor(visits), (3,)) for visits in itertools.permutations(range(3))]


def all_masks(n):
    return torch.tensor(list(itertools.product([False, True], repeat=n)))


def by_hand(model, x, mask, order):
    """The sum of the conditionals of the observed coefficients, visited before all others, event by event."""
    nats = []
    for event, known in zip(x, mask, strict=True):
        visits = [i for i in order.visits.tolist() if known.flatten()[i]]
        visits += [i for i in order.visits.tolist() if not known.flatten()[i]]
        own = Order(torch.tensor(visits), model.event_shape)
        each = model.conditionals(event.unsqueeze(0), order=own).log_prob(event.unsqueeze(0))[0]
        nats.append(each[known].sum())
    return torch.stack(nats)


@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("backbone", ["made:hidden=4", "mlp:hidden=4"])
def test_it_is_the_sum_of_the_conditionals_of_the_observed_for_every_head(backbone, head):
    model = randomize(build((2, 2), "shuffled", head, backbone), 0)
    mask = all_masks(4).reshape(-1, 2, 2)
    x = events_of(model, len(mask), 1)
    expected = by_hand(model, x, mask, model.order)
    torch.testing.assert_close(model.log_prob(Evidence(mask, x)), expected, **CLOSE)


@pytest.mark.parametrize("backbone", ANY_ORDER)
def test_it_is_the_sum_of_the_conditionals_of_the_observed_for_every_backbone(backbone):
    model = randomize(build((2, 2), "shuffled", "categorical:levels=3", backbone), 0)
    mask = all_masks(4).reshape(-1, 2, 2)
    x = events_of(model, len(mask), 1)
    other = Order(torch.tensor([3, 1, 0, 2]), (2, 2))
    for order in (model.order, other):
        expected = by_hand(model, x, mask, order)
        torch.testing.assert_close(model.log_prob(Evidence(mask, x), order=order), expected, **CLOSE)


@pytest.mark.parametrize(
    ("ordering", "backbone"), [*(("shuffled", b) for b in ANY_ORDER), *(("raster", b) for b in EVIDENTIAL)]
)
def test_the_probabilities_of_all_values_of_the_observed_sum_to_one(ordering, backbone):
    model = randomize(build((3,), ordering, "categorical:levels=3", backbone), 3)
    for known in all_masks(3):
        observed = torch.tensor(list(itertools.product(range(3), repeat=int(known.sum()))), dtype=torch.float64)
        x = torch.full((len(observed), 3), torch.nan, dtype=torch.float64)
        x[:, known] = observed
        total = model.log_prob(Evidence.observed(x)).exp().sum()
        torch.testing.assert_close(total, torch.ones_like(total), **CLOSE)


@pytest.mark.parametrize("backbone", backbone_specs())
@pytest.mark.parametrize("ordering", ["raster", "raster:flip=0"])
def test_if_what_is_missing_comes_last_it_is_the_sum_over_all_completions(ordering, backbone):
    model = randomize(build((3,), ordering, "bernoulli", backbone), 1)
    values, probability = joint(model)
    for length in range(4):
        mask = model.order.mask_before(length)
        x = values[5:6]
        agrees = (values == x)[:, mask].all(1)
        marginal = probability[agrees].sum().log()
        found = model.log_prob(Evidence(mask.unsqueeze(0), x))[0]
        torch.testing.assert_close(found, marginal, **CLOSE)


@pytest.mark.parametrize(
    ("ordering", "backbone"), [("shuffled", "made:hidden=4"), ("shuffled", "mlp:hidden=4"), ("raster", "fvsbn")]
)
def test_it_is_the_marginal_of_the_model_where_that_is_exact(ordering, backbone):
    model = randomize(build((3,), ordering, "categorical:levels=3", backbone), 1).eval()
    mask = all_masks(3) if ordering == "shuffled" else torch.stack([model.order.mask_before(t) for t in range(4)])
    evidence = Evidence(mask, events_of(model, len(mask), 0))
    marginal = model.log_marginal(evidence)
    assert bool(marginal.exact.all())
    torch.testing.assert_close(model.log_prob(evidence).detach(), marginal.value, **CLOSE)


@pytest.mark.parametrize("backbone", backbone_specs())
def test_of_complete_events_it_is_the_likelihood(backbone):
    ordering = "raster" if backbone in RASTER_ONLY else "shuffled"
    model = randomize(build((2, 3), ordering, "gaussian", backbone), 2)
    x = events_of(model, 5, 0)
    torch.testing.assert_close(model.log_prob(Evidence.observed(x)), model.log_prob(x), **CLOSE)


@pytest.mark.parametrize("backbone", EVIDENTIAL)
def test_of_an_ensemble_it_is_the_mixture(backbone):
    model = randomize(build((3,), "flips", "bernoulli", backbone), 2)
    mask = all_masks(3)
    x = events_of(model, len(mask), 0)
    members = torch.stack([by_hand(model, x, mask, order) for order in model.orders])
    expected = members.logsumexp(0) - math.log(2)
    torch.testing.assert_close(model.log_prob(Evidence(mask, x)), expected, **CLOSE)


@pytest.mark.parametrize("ordering", ["raster", "flips"])
@pytest.mark.parametrize("call", ["log_prob", "loss"])
def test_a_causal_network_of_few_orders_refuses_what_it_would_have_to_sum_over(ordering, call):
    model = build((3,), ordering, "bernoulli", "fvsbn")
    mask = torch.tensor([[True, True, True], [True, False, True]])
    with pytest.raises(SupportError, match=r"event 1, in which coefficient 1 is missing .* ordering=shuffled"):
        getattr(model, call)(Evidence(mask, torch.zeros(2, 3)))


# --- the training objective -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", [b for b in CAUSAL if b not in RASTER_ONLY])
def test_a_causal_network_trains_on_the_observed_in_the_order_that_is_drawn(backbone):
    model = randomize(build((3,), Listed(PERMUTATIONS[3:4], uniform=False), "bernoulli", backbone), 0)
    mask = all_masks(3)
    x = events_of(model, len(mask), 0)
    expected = -by_hand(model, x, mask, PERMUTATIONS[3]).mean()
    torch.testing.assert_close(model.loss(Evidence(mask, x)), expected, **CLOSE)


@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_a_curriculum_for_one_order_trains_in_others_with_the_observed_first(progress):
    model = randomize(build((3,), "annealed", "bernoulli", "made:hidden=4"), 0)
    mask = torch.stack([model.order.mask_before(t) for t in range(4)])
    x = events_of(model, len(mask), 0)
    for seed in range(8):
        generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
        order = model.ordering.for_batch(progress, generators[0]).draw((3,), generators[0])
        found = model.loss(Evidence(mask, x), generator=generators[1], progress=progress)
        torch.testing.assert_close(found, -by_hand(model, x, mask, order).mean(), **CLOSE)


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize(
    ("backbone", "head"), [*((b, "categorical:levels=3") for b in EVIDENTIAL), ("mlp:hidden=4", "beta")]
)
def test_over_all_orders_and_steps_the_estimate_is_exact(backbone, head, uniform, monkeypatch):
    model = randomize(build((3,), Listed(PERMUTATIONS, uniform=uniform), head, backbone), 2)
    for mask in torch.tensor([[True, False, True], [False, True, False], [True, True, True]]):
        evidence = Evidence(mask.unsqueeze(0), events_of(model, 1, 0))
        exact = torch.stack([-model.log_prob(evidence, order=order) for order in PERMUTATIONS]).mean()
        losses = []
        for t in range(int(mask.sum())):
            monkeypatch.setattr(objective, "stratified_steps", lambda batch, *_, t=t: torch.full((batch,), t))
            losses += [model.loss(evidence) for _ in PERMUTATIONS]
        torch.testing.assert_close(torch.stack(losses).mean(), exact, **CLOSE)


def test_steps_are_uniform_among_those_of_each_example():
    steps = torch.tensor([1, 2, 5])
    generator = torch.Generator().manual_seed(0)
    t = torch.stack([objective.stratified_steps(3, steps, generator) for _ in range(4000)])
    for example, count in enumerate(steps.tolist()):
        found = t[:, example].bincount(minlength=count)
        assert len(found) == count
        assert (found - 4000 / count).abs().max() < 5 * (4000 / count) ** 0.5


def gradients(model, evidence):
    model.zero_grad()
    model.loss(evidence, generator=torch.Generator().manual_seed(0)).backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize("head", head_specs())
@pytest.mark.parametrize("backbone", ["made:hidden=4", "mlp:hidden=4", "convnet:channels=2,hidden=4"])
def test_gradients_are_finite_and_do_not_depend_on_what_is_stored_where_values_are_missing(backbone, head):
    model = randomize(build((17,), "shuffled", head, backbone), 0)
    x, other = events_of(model, 6, 0), events_of(model, 6, 1)
    mask = torch.rand(6, 17, generator=torch.Generator().manual_seed(0)) < 0.5
    stored = [torch.where(mask, x, elsewhere) for elsewhere in (torch.nan, other, 1e30)]
    first, *others = [gradients(model, Evidence(mask, values)) for values in stored]
    assert all(gradient.isfinite().all() for gradient in first)
    for found in others:
        assert all(map(torch.equal, found, first))


@pytest.mark.parametrize("backbone", ["made:hidden=4", "mlp:hidden=4", "convnet:channels=2,hidden=4"])
def test_events_of_which_nothing_was_observed_count_zero_nats(backbone):
    model = randomize(build((17,), "shuffled", "beta", backbone), 0)
    nothing = Evidence.none(3, (17,))
    assert model.log_prob(nothing).tolist() == [0, 0, 0]
    assert all(gradient.eq(0).all() for gradient in gradients(model, nothing))


def test_likelihoods_of_what_was_observed_are_in_the_units_of_the_data():
    x = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor([1.0, 10.0, 0.1], dtype=torch.float64)
    mask = all_masks(3)
    plain, scaled = (build((3,), "shuffled", "gaussian", "made", data=data) for data in (x, x * scale))
    scaled.load_state_dict(plain.state_dict())
    found, expected = scaled.log_prob(Evidence(mask, x[:8] * scale)), plain.log_prob(Evidence(mask, x[:8]))
    torch.testing.assert_close(found, expected - (mask * scale.log()).sum(1), rtol=1e-5, atol=1e-5)


# --- what it is for -------------------------------------------------------------------------------------------------


def trained(batches):
    torch.manual_seed(0)
    model = build((3,), "raster", "gaussian", "mlp:hidden=16,layers=1")
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for batch in batches:
        optimizer.zero_grad()
        model.loss(batch).backward()
        optimizer.step()
    return model.eval()


def test_training_on_what_was_observed_beats_training_on_means():
    """Strongly correlated Gaussians of which half is missing: nats of complete events that were held out."""
    generator = torch.Generator().manual_seed(0)

    def events(n):
        common = torch.randn(n, 1, generator=generator)
        return common + 0.2 * torch.randn(n, 3, generator=generator)

    x, test = events(4000), events(1000)
    x[torch.rand(x.shape, generator=generator) < 0.5] = torch.nan
    filled = torch.where(x.isnan(), x.nanmean(0), x)
    rows = [torch.randint(len(x), (64,), generator=generator) for _ in range(150)]
    observed = trained(Evidence.observed(x[some]) for some in rows)
    imputed = trained(filled[some] for some in rows)
    nats, of_means = (-model.log_prob(test).mean().item() for model in (observed, imputed))
    covariance = 1 + 0.04 * torch.eye(3)
    entropy = torch.distributions.MultivariateNormal(torch.zeros(3), covariance).entropy().item()
    assert nats < entropy + 0.5
    assert of_means > nats + 0.9
