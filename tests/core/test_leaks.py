"""Examples of a batch do not depend on each other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar.testing import events_of, models, parameters_of, seeds
from tests.part_specs import backbone_specs


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_a_nan_in_one_example_leaves_the_others_alone(backbone, data):
    model = data.draw(models(backbone=backbone, max_coefficients=12))
    x = events_of(model, 3, data.draw(seeds))
    corrupted = x.clone()
    corrupted[0] = torch.nan
    got, expected = parameters_of(model, corrupted)[1:], parameters_of(model, x)[1:]
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
