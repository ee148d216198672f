"""A coefficient sees only what was visited before it: the rule of the library, looked at from the outside."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import CausalBackbone
from tensorar.conditionals import all_conditionals
from tests.oracles import parameters_of
from tests.strategies import backbone_specs, events_of, kind_of, models, pairs, seeds

causal = [spec for spec in backbone_specs() if issubclass(kind_of(spec), CausalBackbone)]
# two reductions of the same terms in another order may differ in their last bits, a leak differs in its first
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def _drawn(data, backbone, head="bernoulli"):
    model = data.draw(models(backbone=backbone, head=head, max_coefficients=12))
    step = data.draw(st.integers(0, len(model.order) - 1))
    return model, events_of(model, 3, data.draw(seeds)), step


@pytest.mark.parametrize(("backbone", "head"), pairs())
@given(data=st.data())
def test_what_comes_later_changes_nothing(backbone, head, data):
    model, x, step = _drawn(data, backbone, head)
    changed = torch.where(model.order.before(step), x, events_of(model, 3, data.draw(seeds)))
    until = model.order.visits[: step + 1]
    before, after = parameters_of(model, x), parameters_of(model, changed)
    torch.testing.assert_close(after[:, until], before[:, until], **CLOSE)


@pytest.mark.parametrize(("backbone", "head"), pairs())
@given(data=st.data())
def test_a_nan_spoils_what_comes_after_it_and_nothing_else(backbone, head, data):
    model, x, step = _drawn(data, backbone, head)
    spoilt = torch.where(model.order.rank == step, torch.nan, x)
    until, after = model.order.visits[: step + 1], model.order.visits[step + 1 :]
    answer = parameters_of(model, spoilt)
    torch.testing.assert_close(answer[:, until], parameters_of(model, x)[:, until], **CLOSE)
    assert answer[:, after].isnan().all()


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_a_nan_in_one_example_leaves_the_others_alone(backbone, data):
    model, x, _ = _drawn(data, backbone)
    spoilt = x.clone()
    spoilt[0] = torch.nan
    torch.testing.assert_close(parameters_of(model, spoilt)[1:], parameters_of(model, x)[1:], **CLOSE)


def _influence(model, x):
    """``(N, N)``: whether any parameter of coefficient ``i`` has a derivative by any feature of coefficient ``j``."""
    n = len(model.order)

    def answer(features):
        return all_conditionals(model.backbone, features, model.order).reshape(n, -1)

    features = model.head.encode(x)
    slopes = torch.autograd.functional.jacobian(answer, features)
    return slopes.reshape(n, -1, n, features.shape[-1]).ne(0).any(3).any(1)


@pytest.mark.parametrize("head", ["bernoulli", "categorical:levels=3,one_hot=true"])
@pytest.mark.parametrize("backbone", causal)
@given(data=st.data())
def test_no_gradient_flows_against_the_order(backbone, head, data):
    model, x, _ = _drawn(data, backbone, head)
    assert not (_influence(model, x[:1]) & ~model.order.sees()).any()


@given(data=st.data())
def test_fvsbn_uses_everything_that_the_order_shows(data):
    model, x, _ = _drawn(data, "fvsbn")
    assert torch.equal(_influence(model, x[:1]), model.order.sees())
