"""One pass, one conditional at a time, and ratios of enumerated marginals all say the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, EvidenceBackbone, build
from tests.oracles import brute_conditional, joint, levels_of
from tests.strategies import backbone_specs, events_of, evidence, kind_of, models, pairs, randomise, seeds

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.mark.parametrize(("backbone", "head"), pairs())
@given(data=st.data())
def test_log_prob_is_the_sum_of_the_conditionals_one_by_one(backbone, head, data):
    model = data.draw(models(backbone=backbone, head=head, max_coefficients=8))
    x = events_of(model, 3, data.draw(seeds))
    total = torch.zeros(3, dtype=torch.float64)
    for t, coefficient in enumerate(model.order.visits):
        known = model.order.evidence(x, t)
        assert (model.next_coefficient(known) == coefficient).all()
        total = total + model.conditional(known).log_prob(x.reshape(3, -1)[:, coefficient])
    torch.testing.assert_close(total, model.log_prob(x), **CLOSE)


def _probabilities(model, known):
    levels = torch.arange(levels_of(model.head), dtype=torch.float64)
    return model.conditional(known).log_prob(levels[:, None]).exp().T.detach()


@pytest.mark.parametrize("head", ["bernoulli", "categorical:levels=3"])
@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_a_conditional_is_a_ratio_of_enumerated_marginals(backbone, head, data):
    model = data.draw(models(backbone=backbone, head=head, max_coefficients=5))
    values, probability = joint(model)
    x = events_of(model, 1, data.draw(seeds))
    t = data.draw(st.integers(0, len(model.order) - 1))
    expected = brute_conditional(values, probability, model.order.before(t), x[0], int(model.order.visits[t]))
    torch.testing.assert_close(_probabilities(model, model.order.evidence(x, t))[0], expected, **CLOSE)


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_any_evidence_is_conditioned_on_as_far_as_the_order_goes(backbone, data):
    model = data.draw(models(backbone=backbone, max_coefficients=5))
    given_ = data.draw(evidence(model, 3))
    given_ = given_[~given_.mask.flatten(1).all(1) if model.event_shape else ~given_.mask]
    for row, conditional in enumerate(_probabilities(model, given_) if len(given_) else []):
        mask, value = given_.mask[row], given_.value[row]
        order = model.order if model.ordering.fixed else model.order.observed_first(mask)
        query = int(model.next_coefficient(given_)[row])
        known = order.before(int(order.rank.flatten()[query]))
        assert (known <= mask).all()
        values, probability = joint(model, order=order)
        torch.testing.assert_close(conditional, brute_conditional(values, probability, known, value, query), **CLOSE)


evidential = [spec for spec in backbone_specs() if issubclass(kind_of(spec), EvidenceBackbone)]


@pytest.mark.parametrize("backbone", evidential)
def test_an_unknown_value_is_not_a_known_zero_and_every_query_has_its_own_answer(backbone):
    """Not needed to be exact, but a network that cannot tell these apart would never learn them."""
    model = randomise(build((4,), "shuffled", "bernoulli", backbone), 0)
    masks = torch.tensor([[False, False, False, False], [True, False, False, False]])
    everything = torch.arange(4).expand(2, 4)
    answer = model.backbone(torch.zeros(2, 4, 1).double(), masks, everything)[..., 0]
    assert (answer[0, 1:] != answer[1, 1:]).all()
    assert len(set(answer[0].tolist())) == 4


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("backbone", evidential)
@given(data=st.data())
def test_several_queries_are_answered_as_if_each_came_alone(backbone, context_features, data):
    model = data.draw(models(backbone=backbone, max_coefficients=6, context_features=context_features))
    known = data.draw(evidence(model, 3))
    generator = torch.Generator().manual_seed(0)
    query = torch.randint(len(model.order), (3, 4), generator=generator)
    context = torch.randn(3, context_features, generator=generator).double() if context_features else None
    features = torch.where(known.mask.unsqueeze(-1), model.features(known.value), 0.0)
    together = model.backbone(features, known.mask, query, context)
    for q in range(4):
        alone = model.backbone(features, known.mask, query[:, q : q + 1], context)
        torch.testing.assert_close(together[:, q : q + 1], alone, **CLOSE)


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_more_evidences_than_fit_in_one_call(backbone, data):
    model = data.draw(models(backbone=backbone, max_coefficients=4))
    x = events_of(model, 700, data.draw(seeds))
    some = torch.tensor([0, 127, 128, 511, 512, 699])
    torch.testing.assert_close(model.log_prob(x)[some], model.log_prob(x[some]), **CLOSE)


def test_evidence_keeps_nothing_that_is_not_known():
    mask = torch.tensor([[True, False, False]])
    assert Evidence(mask, torch.tensor([[1.0, torch.nan, torch.inf]])).value.tolist() == [[1.0, 0.0, 0.0]]
