"""Adaptive orders: exact likelihoods, and the same order in replay as in sampling."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch.distributions import Categorical, Normal

from tensorar import (
    AutoregressiveModel,
    Evidence,
    Order,
    Ordering,
    PluginError,
    SamplingInfo,
    ShapeError,
    SpecError,
    build,
)
from tensorar.build import reordered
from tensorar.support import support_values
from tensorar.testing import all_values, events_of, joint, p_value, randomize
from tensorar_plugins.orderings.adaptive import Adaptive

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
RULES = ("min-entropy", "max-entropy", "max-margin", "max-probability")
NETWORKS = (
    "mlp:hidden=8",
    "convnet:channels=2,hidden=4",
    "unet:channels=4",
    "transformer:channels=8,heads=4,kv_heads=2,layers=2",
    "transformer:channels=8,heads=2,layers=1,position_embedding=rotary",
)


def _model(network="mlp:hidden=8", rule="min-entropy", shape=(2, 2), head="categorical:levels=3", context_features=0):
    model = build(shape, f"adaptive:rule={rule}", head, network, context_features=context_features)
    return randomize(model, 3, spread=0.7)


SCORES = {
    "min-entropy": lambda p: float(torch.xlogy(p, p).sum()),
    "max-entropy": lambda p: -float(torch.xlogy(p, p).sum()),
    "max-margin": lambda p: float(p.sort().values[-1] - p.sort().values[-2]),
    "max-probability": lambda p: float(p.max()),
}


@torch.no_grad()
def _walked(model, rule, x, context=None, known=()):
    """The order and the log-likelihood of one event by fixed orders alone: every candidate next, the best is taken."""
    visited, total = list(known), 0.0
    while len(visited) < x.numel():
        unknown = [i for i in range(x.numel()) if i not in visited]
        found = {
            i: _log_probabilities(model, [*visited, i, *(j for j in unknown if j != i)], x, context)[i] for i in unknown
        }
        scores = {i: SCORES[rule](log_prob.exp()) for i, log_prob in found.items()}
        best = min(i for i in unknown if scores[i] >= max(scores.values()) - 1e-5)
        total += float(found[best][int(x.flatten()[best])])
        visited.append(best)
    return visited, total


def _log_probabilities(model, visits, x, context):
    """The log-probability of each value of each coefficient, in a fixed order."""
    predicted = model.conditionals(x[None], context, order=Order(torch.tensor(visits), model.event_shape))
    values = support_values(model.head).tolist()
    return torch.stack([predicted.log_prob(torch.full_like(x[None], value)).flatten() for value in values], -1)


# every rule with one network, every network with one rule
PAIRS = [*((NETWORKS[0], rule) for rule in RULES), *((network, RULES[0]) for network in NETWORKS[1:])]


@pytest.mark.parametrize(
    ("network", "rule", "head"),
    [
        *((*pair, "categorical:levels=3") for pair in PAIRS),
        *((NETWORKS[0], rule, "logistic_mixture:levels=3,components=2") for rule in RULES),
    ],
)
def test_the_order_is_that_of_the_rule_and_the_likelihood_that_of_the_order(network, rule, head):
    model = _model(network, rule, head=head, context_features=2)
    x, context = events_of(model, 3, 1), torch.randn(3, 2, dtype=torch.float64)
    visits, log_prob = model.visits_for(x, context), model.log_prob(x, context)
    for k in range(3):
        order, expected = _walked(model, rule, x[k], context[k : k + 1])
        assert visits[k].tolist() == order
        assert float(log_prob[k]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("head", ["bernoulli", "categorical:levels=3"])
@pytest.mark.parametrize(("network", "rule"), PAIRS)
def test_probabilities_of_all_events_sum_to_one(network, head, rule):
    model = _model(network, rule, head=head)
    probability = joint(model)[1]
    torch.testing.assert_close(probability.sum(), torch.ones((), dtype=torch.float64), **CLOSE)


def test_a_density_integrates_to_one():
    model = randomize(build((2,), "adaptive", "gaussian", "mlp:hidden=4"), 0, spread=0.3)
    grid = torch.linspace(-10, 10, 81, dtype=torch.float64)
    mass = model.log_prob(torch.cartesian_prod(grid, grid)).exp().sum() * 0.25**2
    assert float(mass) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("network", ["mlp:hidden=8", "transformer:channels=8,heads=2,layers=1"])
def test_samples_follow_the_likelihood_and_take_the_order_of_replay(network):
    model = randomize(_model(network), 1, spread=1.0)
    values, probability = joint(model)
    samples = model.sample(4000, generator=torch.Generator().manual_seed(0))
    counts = (samples[:, None] == values).flatten(2).all(2).sum(0)
    assert p_value(counts, probability) > 1e-4
    state = model.generation(50)
    taken = []
    while not state.done:
        taken.append(state.coefficient)
        state.observe(samples[:50].flatten(1)[torch.arange(50), state.coefficient])
    assert torch.equal(torch.stack(taken, 1), model.visits_for(samples[:50]))
    assert len(model.visits_for(samples).unique(dim=0)) > 1


@pytest.mark.parametrize("network", NETWORKS)
def test_completions_follow_the_conditional_given_all_that_is_known(network):
    model, rule = _model(network, shape=(2, 2), head="bernoulli"), "min-entropy"
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    mask = torch.tensor([[False, False], [True, False]])
    known = [2]
    completions = torch.stack([v for v in all_values((2, 2), 2) if v[1, 0] == x[1, 0]])
    log_prob = [_walked(model, rule, v, known=known)[1] for v in completions]
    probability = torch.tensor(log_prob, dtype=torch.float64).exp()
    assert float(probability.sum()) == pytest.approx(1, abs=1e-9)
    drawn = model.sample(2000, Evidence(mask[None], x[None]), generator=torch.Generator().manual_seed(1))
    counts = (drawn[:, None] == completions).flatten(2).all(2).sum(0)
    assert p_value(counts, probability) > 1e-4
    first = _walked(model, rule, x, known=known)[0]
    assert int(model.next_coefficient(Evidence(mask[None], x[None]))) == first[1]
    assert model.visits_for(x[None], known=mask[None])[0].tolist() == first


def test_examples_with_different_evidence_are_completed_as_alone():
    model = _model()
    x, mask = events_of(model, 6, 1), torch.rand(6, 2, 2, generator=torch.Generator().manual_seed(0)) < 0.5
    mask[0], mask[1] = True, False
    drawn = model.sample(evidence=Evidence(mask, x), generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn[mask], x[mask])
    unfinished = [k for k in range(6) if not mask[k].all()]
    together = model.conditional(Evidence(mask, x)[torch.tensor(unfinished)]).logits
    alone = [model.conditional(Evidence(mask, x)[k : k + 1]).logits[0] for k in unfinished]
    torch.testing.assert_close(together, torch.stack(alone), **CLOSE)
    with pytest.raises(ShapeError, match="complete event"):
        model.conditional(Evidence(mask, x))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_batch_does_not_matter(network):
    model = _model(network)
    x = events_of(model, 20, 1)
    together = model.log_prob(x)
    each = torch.cat([model.log_prob(one) for one in x[:3].split(1)])
    torch.testing.assert_close(together[:3], each, **CLOSE)
    assert torch.equal(model.visits_for(x)[:3], torch.cat([model.visits_for(one) for one in x[:3].split(1)]))
    samples = model.sample(9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(samples, model.sample(9, generator=torch.Generator().manual_seed(0), memory=1))
    assert torch.equal(samples[:4], model.sample(4, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("network", ["mlp:hidden=8", "transformer:channels=8,heads=2,layers=2"])
def test_selection_and_reset(network):
    model = _model(network, shape=(4,), context_features=1)
    x, context = events_of(model, 3, 1), torch.randn(3, 1, dtype=torch.float64)
    rows = torch.tensor([2, 2, 0, 1, 2])
    state = model.generation(3, context=context)
    for asked in (False, True):
        total = torch.zeros(state.batch, dtype=torch.float64)
        for step in range(4):
            value = x[torch.arange(len(x)), state.coefficient]
            total += state.distribution().log_prob(value)
            if step == 2 and not asked:
                state.select(rows)
                x, context, total, value = x[rows], context[rows], total[rows], value[rows]
            state.observe(value)
        torch.testing.assert_close(total, model.log_prob(x, context), **CLOSE)
        assert torch.equal(state.evidence.value, x)
        state.reset()


def test_ties_go_to_the_lowest_index():
    known = torch.tensor([[True, False, False, False]])
    evidence = Evidence(known, torch.zeros(1, 4))
    logits = torch.tensor([[[9.0, 0], [1, 0], [3, 0], [3.0000001, 0]]])
    for rule in ("min-entropy", "max-margin", "max-probability"):
        assert Adaptive(rule=rule).next(evidence, Categorical(logits=logits)).tolist() == [2]
    assert Adaptive(rule="max-entropy").next(evidence, Normal(torch.zeros(1, 4), torch.ones(1, 4))).tolist() == [1]
    nothing = torch.full((1, 4, 2), torch.nan)
    assert Adaptive().next(evidence, Categorical(logits=nothing, validate_args=False)).tolist() == [1]


def test_an_unknown_value_hides_what_is_visited_after_it():
    model = _model()
    x = events_of(model, 5, 1)
    visits, expected = model.visits_for(x), model.conditionals(x).logits.flatten(1, 2)
    x[torch.arange(5), visits[:, 1] // 2, visits[:, 1] % 2] = torch.nan
    found = model.conditionals(x).logits.flatten(1, 2)
    for k in range(5):
        before, after = visits[k, :2], visits[k, 2:]
        torch.testing.assert_close(found[k, before], expected[k, before].detach(), **CLOSE)
        assert found[k, after].isnan().all()


def test_the_loss_is_that_of_random_orders():
    x = torch.randint(2, (4, 3)).double()
    for network in ("mlp:hidden=4", "transformer:channels=4,heads=1,layers=1"):
        adaptive, shuffled = (
            randomize(build((3,), ordering, "bernoulli", network), 0) for ordering in ("adaptive", "shuffled")
        )
        losses = [model.loss(x, generator=torch.Generator().manual_seed(0)) for model in (adaptive, shuffled)]
        torch.testing.assert_close(*losses)


def test_methods_that_an_adaptive_order_does_not_have():
    for network, wrong in (("mlp:hidden=4", "cached"), ("transformer:channels=4,heads=1,layers=1", "fixed-point")):
        with pytest.raises(SpecError, match="auto"):
            _model(network).sample(1, method=wrong)


@pytest.mark.parametrize("network", ["made", "nade", "rnn", "fvsbn", "pixelcnn"])
def test_other_networks_are_refused_with_the_names_of_those_that_serve(network):
    with pytest.raises(SpecError, match="use one of convnet, regression, mlp, unet, transformer"):
        build((1, 4, 4), "adaptive", "bernoulli", network)


@pytest.mark.parametrize(("head", "rule"), [("gaussian", "max-margin"), ("gaussian_mixture", "min-entropy")])
def test_heads_without_the_score_of_the_rule_are_refused(head, rule):
    with pytest.raises(SpecError, match="expected a head"):
        build((2,), f"adaptive:rule={rule}", head, "mlp:hidden=4")


def test_the_same_network_under_another_ordering():
    shuffled = randomize(build((2, 2), "shuffled", "categorical:levels=3", "mlp:hidden=8"), 3, spread=0.7)
    x = events_of(shuffled, 5, 1)
    torch.testing.assert_close(reordered(shuffled, "adaptive").log_prob(x), _model().log_prob(x), **CLOSE)
    with pytest.raises(SpecError, match="random orders"):
        reordered(build((2, 2), "raster", "bernoulli", "mlp:hidden=4"), "shuffled")
    with pytest.raises(SpecError, match="without embedding=true"):
        reordered(build((2, 2), "shuffled", "bernoulli", "made:hidden=4"), "flips:embedding=true")


@dataclass(frozen=True, kw_only=True)
class Stuck(Ordering):
    """Always the first coefficient."""

    name = "stuck"
    fixed = False
    adaptive = True

    def visits(self, event_shape):
        return Order.raster(event_shape).visits

    def next(self, evidence, distribution):
        return torch.zeros(len(evidence), dtype=torch.long)


def test_a_choice_of_a_known_coefficient_is_reported():
    model = _model()
    stuck = AutoregressiveModel(model.event_shape, Stuck(), model.head, model.backbone)
    with pytest.raises(PluginError, match=r"Stuck.next .* unknown coefficient"):
        stuck.sample(2)


# --- conditioning, missing values, mixtures ---------------------------------------------------------------------------


def _region(model, known):
    return torch.isin(model.coefficients.cpu(), torch.tensor(known))


@pytest.mark.parametrize("network", [NETWORKS[0], NETWORKS[3]])
@pytest.mark.parametrize("conditioning", ["auto", "exact", "smc", "clamp"])
def test_the_rest_given_a_part_has_the_likelihood_of_the_order_that_takes_the_part_in_first(network, conditioning):
    model = _model(network)
    x, known = events_of(model, 3, 1), [1, 3]
    found = model.log_conditional(x, _region(model, known), conditioning=conditioning)
    assert bool(found.exact.all())
    for k in range(3):
        assert float(found.value[k]) == pytest.approx(_walked(model, "min-entropy", x[k], known=known)[1], abs=1e-9)


def test_conditioning_is_exact_and_reported_so():
    model, info = _model(), SamplingInfo()
    evidence = Evidence(_region(model, [2]).expand(3, 2, 2), events_of(model, 3, 1))
    drawn = [
        model.sample(evidence=evidence, conditioning=way, generator=torch.Generator().manual_seed(1), info=info)
        for way in ("smc", "clamp", "auto")
    ]
    assert torch.equal(drawn[0], drawn[2]) and torch.equal(drawn[1], drawn[2])
    assert info.conditioning.way == "exact"


def test_the_likelihood_of_a_part_is_refused():
    model = _model()
    x = events_of(model, 2, 1)
    mask = torch.stack([torch.ones(2, 2), torch.zeros(2, 2)]).bool()
    value = model.log_marginal(Evidence(mask, x)).value
    torch.testing.assert_close(value, torch.stack([model.log_prob(x)[0], torch.tensor(0.0)]).double(), **CLOSE)
    mask[1, 0, 1] = True
    with pytest.raises(SpecError, match="1 of 4 coefficients"):
        model.log_marginal(Evidence(mask, x))


def test_missing_values_have_a_likelihood_in_an_explicit_order_only():
    model = _model()
    x = events_of(model, 2, 1)
    complete = Evidence(torch.ones(2, 2, 2, dtype=torch.bool), x)
    torch.testing.assert_close(model.log_prob(complete), model.log_prob(x), **CLOSE)
    missing = Evidence(~_region(model, [2]).expand(2, 2, 2), x)
    with pytest.raises(SpecError, match="2 missing values"):
        model.log_prob(missing)
    assert model.log_prob(missing, order=model.order).shape == (2,)


@pytest.mark.parametrize("network", [NETWORKS[0], NETWORKS[3]])
def test_samples_in_explicit_orders_follow_these(network):
    model = _model(network)
    orders = model.draw_orders(3, seed=1)
    drawn = model.sample(200, orders=orders, generator=torch.Generator().manual_seed(1))
    unordered = reordered(_model(network), "shuffled")
    expected = unordered.sample(200, orders=orders, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn, expected)
