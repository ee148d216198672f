"""Measured dependencies are the true ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tensorar import (
    AutoregressiveModel,
    CausalBackbone,
    Signature,
    build,
    default_registry,
    dependency_matrix,
    receptive_field_coverage,
)
from tensorar.build import make_backbone
from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of, models, seeds


class LastTwo(CausalBackbone):
    """Sees the two coefficients before its own, in raster order."""

    name = "last_two"
    orders = "raster"

    def __init__(self, signature):
        super().__init__(signature)
        self.weight = nn.Parameter(torch.zeros(2))

    def forward(self, features, order, context=None):
        x = nn.functional.pad(features[..., 0].relu(), (2, 0))
        return (self.weight[0] * x[:, :-2] + self.weight[1] * x[:, 1:-1]).unsqueeze(-1)


def _last_two(n):
    ordering, head = (default_registry().create(*what) for what in (("ordering", "raster"), ("head", "bernoulli")))
    network = make_backbone(LastTwo, Signature((n,), 1, 1, orders=ordering.orders((n,))))
    return AutoregressiveModel((n,), ordering, head, network)


def test_what_is_hidden_is_counted_though_weights_are_zero_and_units_rectified():
    # 4 + 3 of the 10 pairs
    assert receptive_field_coverage(_last_two(5)) == pytest.approx(0.7)


def test_a_tensor_of_one_coefficient_has_no_past_to_miss():
    assert receptive_field_coverage(build((), "raster", "bernoulli", "fvsbn")) == 1.0


@pytest.mark.parametrize("backbone", ["fvsbn", "mlp:hidden=8", "convnet:channels=8,hidden=8"])
@given(data=st.data())
def test_dependencies_are_where_a_change_has_an_effect(backbone, data):
    model = data.draw(models(backbone=backbone, max_coefficients=5))
    x = events_of(model, 1, data.draw(seeds))
    found = dependency_matrix(model, x)
    assert not (found & ~model.order.causal_mask()).any()
    nudged = model.features(x).repeat(len(model.order), *[1] * x.ndim)
    for j in range(len(model.order)):
        nudged.reshape(len(model.order), len(model.order), -1)[j, j] += 1e-4
    before = all_conditionals(model.backbone, model.features(x), model.order).flatten()
    after = all_conditionals(model.backbone, nudged, model.order).flatten(1)
    changed = (after - before).abs().gt(0).T
    assert not (found & ~changed.reshape(found.shape)).any()
    assert backbone != "fvsbn" or torch.equal(found, model.order.causal_mask())


def test_weights_are_left_as_they_are():
    model = _last_two(4)
    receptive_field_coverage(model)
    assert model.backbone.network.weight.tolist() == [0.0, 0.0]
    assert model.dtype == torch.float32
