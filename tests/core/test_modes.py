"""A model in training mode, and batches of nothing: what is exact stays so, and nothing breaks."""

from __future__ import annotations

import pytest
import torch

from tensorar import CausalBackbone, Evidence, SupportError, build
from tests.strategies import backbone_specs, kind_of, randomise

WITH_CHANCE = ["made:hidden=20,masks=8", "transformer:channels=8,layers=2,dropout=0.5", "rnn:hidden=8,dropout=0.5"]


@pytest.mark.parametrize("spec", WITH_CHANCE)
def test_samples_of_a_model_in_training_are_those_of_one_that_is_not(spec):
    model = randomise(build((6,), "raster", "bernoulli", spec), 0, spread=0.5)
    expected = model.sample(32, generator=torch.Generator().manual_seed(0))
    means = model.means(expected)
    model.train()
    for method in ("plain", "cached", "fixed-point"):
        drawn = model.sample(32, generator=torch.Generator().manual_seed(0), method=method)
        assert torch.equal(drawn, expected)
    assert torch.equal(model.means(expected), means)
    assert model.training and model.backbone.training


@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 3)])
@pytest.mark.parametrize("backbone", backbone_specs())
def test_nothing_comes_of_nothing(backbone, shape):
    model = build(shape, "raster", "bernoulli", backbone)
    nothing = torch.zeros(0, *shape)
    assert model.log_prob(nothing).shape == (0,)
    assert model.means(nothing).shape == (0, *shape)
    known = Evidence(nothing.bool(), nothing)
    assert model.conditional(known).batch_shape == (0,)
    methods = ["auto", "plain"] + (["cached", "fixed-point"] if issubclass(kind_of(backbone), CausalBackbone) else [])
    for method in methods:
        assert model.sample(0, method=method).shape == (0, *shape)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_context_that_is_not_finite_is_refused(bad):
    model = build((3,), "raster", "bernoulli", "fvsbn", context_features=2)
    context = torch.tensor([[0.0, bad]])
    with pytest.raises(SupportError, match="context of finite numbers"):
        model.log_prob(torch.zeros(1, 3), context)
    with pytest.raises(SupportError, match="context of finite numbers"):
        model.sample(context=context)
