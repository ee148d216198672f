"""One pass, single conditionals and ratios of enumerated marginals agree."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, EvidenceBackbone
from tensorar.testing import brute_conditional, events_of, evidence, joint, levels_of, models, seeds
from tests.part_specs import backbone_class, backbone_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


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
    expected = brute_conditional(values, probability, model.order.mask_before(t), x[0], int(model.order.visits[t]))
    torch.testing.assert_close(_probabilities(model, model.order.evidence_before(x, t))[0], expected, **CLOSE)


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_any_evidence_is_conditioned_on_as_far_as_the_order_goes(backbone, data):
    model = data.draw(models(backbone=backbone, max_coefficients=5))
    given_ = data.draw(evidence(model, 3))
    given_ = given_[~given_.mask.flatten(1).all(1) if model.event_shape else ~given_.mask]
    for row, conditional in enumerate(_probabilities(model, given_) if len(given_) else []):
        mask, value = given_.mask[row], given_.value[row]
        order = model.order.observed_first(mask) if model.ordering.any_order else model.order
        query = int(model.next_coefficient(given_)[row])
        known = order.mask_before(int(order.rank.flatten()[query]))
        assert (known <= mask).all()
        values, probability = joint(model, order=order)
        torch.testing.assert_close(conditional, brute_conditional(values, probability, known, value, query), **CLOSE)


evidential = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), EvidenceBackbone)]


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
