"""The plugin passes the conformance kit, and its parts are found by name through the entry point."""

import pytest
import torch

import tensorar
import tensorar_example
from tensorar.testing import checks


@pytest.mark.parametrize("check", checks(tensorar_example.Outward))
def test_outward_conforms(check):
    check()


@pytest.mark.parametrize("check", checks(tensorar_example.Outward, inward=True))
def test_inward_conforms(check):
    check()


@pytest.mark.parametrize("check", checks(tensorar_example.GeometricHead))
def test_geometric_conforms(check):
    check()


def test_the_centre_comes_first_and_the_corners_last():
    order = tensorar.default_registry().create("ordering", "outward").order((5, 5))
    assert order.rank[2, 2] == 0
    assert {int(order.rank[i, j]) for i in (0, 4) for j in (0, 4)} == {21, 22, 23, 24}


def test_both_are_found_by_name_and_make_a_model():
    model = tensorar.build(event_shape=(2,), ordering="outward", head="geometric", backbone="fvsbn").double()
    counts = torch.cartesian_prod(torch.arange(60), torch.arange(60))
    assert model.log_prob(counts).exp().sum().item() == pytest.approx(1, abs=1e-9)
