"""Probabilities of all values of a tiny tensor sum to 1, whatever the shape, the order, the head and the network."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorar import build
from tensorar.testing import joint, levels_of, models, points_and_weights, randomize
from tests.part_specs import backbone_specs, continuous_head_specs, discrete_head_specs, pairs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

FEW_ROWS = 300


def _coefficients(head: str) -> int:
    levels = levels_of(build((), "raster", head, "fvsbn").head)
    return int(math.log(FEW_ROWS, levels))


@pytest.mark.slow
@pytest.mark.parametrize("head", discrete_head_specs())
@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
@settings(max_examples=100)
def test_probabilities_sum_to_one_whatever_goes_together(backbone, head, data):
    model = data.draw(models(backbone=backbone, head=head, max_coefficients=_coefficients(head) + 1))
    _, probability = joint(model)
    torch.testing.assert_close(probability.sum(), torch.ones(()).double(), atol=1e-9, rtol=0)


def continuous_pairs() -> list[tuple[str, str]]:
    """Every continuous head with the plain backbones, every other backbone with one of them."""
    plain = [(backbone, head) for backbone, head in pairs() if head in continuous_head_specs()]
    rest = set(backbone_specs()) - {backbone for backbone, _ in plain}
    return plain + [(backbone, "gaussian_mixture:components=2") for backbone in sorted(rest)]


@pytest.mark.parametrize(("backbone", "head"), continuous_pairs())
def test_the_density_of_two_coefficients_integrates_to_one(backbone, head):
    model = randomize(build((2,), "raster:flip=0", head, backbone), 5, spread=0.2)
    points, weights = points_and_weights(model.head, reach=12, step=0.15)
    # the data's values of the farthest points overflow, for the exponential of log_normal
    kept = (model.head.standardize(model.head.restore(points)) - points).abs() < 1e-6 * (1 + points.abs())
    points, weights = points[kept], weights[kept]
    standard = torch.cartesian_prod(points, points)
    log_density = model.log_prob(model.restore(standard)) + model.log_scale(standard)
    density = log_density.exp().detach().reshape(len(points), -1)
    assert abs((weights @ density @ weights).item() - 1) < 1e-6
