"""A coefficient sees only what was visited before it: the rule of the library, looked at from the outside."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import dependency_matrix
from tensorar.testing import events_of, models, parameters_of, seeds
from tests.part_specs import backbone_specs

# two reductions of the same terms in another order may differ in their last bits, a leak differs in its first
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def _drawn(data, backbone):
    model = data.draw(models(backbone=backbone, max_coefficients=12))
    return model, events_of(model, 3, data.draw(seeds))


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_a_nan_in_one_example_leaves_the_others_alone(backbone, data):
    model, x = _drawn(data, backbone)
    spoilt = x.clone()
    spoilt[0] = torch.nan
    torch.testing.assert_close(parameters_of(model, spoilt)[1:], parameters_of(model, x)[1:], **CLOSE)


@given(data=st.data())
def test_fvsbn_uses_everything_that_the_order_shows(data):
    model, x = _drawn(data, "fvsbn")
    assert torch.equal(dependency_matrix(model, x[:1]), model.order.causal_mask())
