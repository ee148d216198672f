"""Training mode, inference mode, autocast, no gradients, batches of nothing: what is exact stays so."""

from __future__ import annotations

import pytest
import torch

from tensorar import CausalBackbone, Evidence, SupportError, build, dependency_matrix
from tensorar.testing import randomize
from tests.part_specs import backbone_class, backbone_specs

WITH_CHANCE = [
    "made:hidden=20,connectivities=8",
    "transformer:channels=8,layers=2,dropout=0.5",
    "rnn:hidden=8,dropout=0.5",
]


@pytest.mark.parametrize("spec", WITH_CHANCE)
def test_samples_of_a_model_in_training_are_those_of_one_that_is_not(spec):
    model = randomize(build((6,), "raster", "bernoulli", spec), 0, spread=0.5)
    expected = model.sample(32, generator=torch.Generator().manual_seed(0))
    means = model.conditional_means(expected)
    model.train()
    for method in ("naive", "cached", "fixed-point"):
        drawn = model.sample(32, generator=torch.Generator().manual_seed(0), method=method)
        assert torch.equal(drawn, expected)
    assert torch.equal(model.conditional_means(expected), means)
    assert model.training and model.backbone.training


@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 3)])
@pytest.mark.parametrize("backbone", backbone_specs())
def test_empty_batches(backbone, shape):
    model = build(shape, "raster", "bernoulli", backbone)
    nothing = torch.zeros(0, *shape)
    assert model.log_prob(nothing).shape == (0,)
    assert model.conditional_means(nothing).shape == (0, *shape)
    known = Evidence(nothing.bool(), nothing)
    assert model.conditional(known).batch_shape == (0,)
    causal = issubclass(backbone_class(backbone), CausalBackbone)
    methods = ["auto", "naive", *(["cached", "fixed-point"] if causal else [])]
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


def test_parts_of_a_network_go_back_into_the_mode_they_were_in():
    model = build((6,), "raster", "bernoulli", "transformer:channels=8,layers=2,dropout=0.5").train()
    frozen = model.backbone.layers[0].dropout.eval()
    model.sample(1)
    assert model.backbone.layers[1].dropout.training and not frozen.training


@pytest.mark.parametrize("backbone", ["nade:hidden=5", "rnn:hidden=5", "pixelcnn:channels=4,blocks=1"])
@pytest.mark.parametrize("ordering", ["snake", "flips"])
def test_an_order_first_used_in_inference_mode_can_be_used_in_training(ordering, backbone):
    shape = (5, 3)  # of no other test: orders are kept
    with torch.inference_mode():
        build(shape, ordering, "bernoulli", backbone).log_prob(torch.ones(2, *shape))
    build(shape, ordering, "bernoulli", backbone).loss(torch.ones(2, *shape)).backward()


@pytest.mark.parametrize("head", ["bernoulli", "categorical:levels=3", "logistic_mixture:levels=3"])
def test_samples_under_autocast_are_those_without_by_every_method(head):
    model = randomize(build((6,), "raster", head, "transformer:channels=8,layers=2"), 0, spread=0.5).float()
    expected = model.sample(32, generator=torch.Generator().manual_seed(0))
    for method in ("naive", "cached", "fixed-point"):
        with torch.autocast("cpu", torch.bfloat16):
            drawn = model.sample(32, generator=torch.Generator().manual_seed(0), method=method)
        assert torch.equal(drawn, expected)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_dependencies_are_measured_with_gradients_off_too(mode):
    model = build((3,), "raster", "bernoulli", "fvsbn")
    with mode():
        assert torch.equal(dependency_matrix(model, torch.ones(1, 3)), model.order.causal_mask())


def test_a_generator_seeds_no_device_but_the_models(monkeypatch):
    """``torch.manual_seed`` seeds every device there is; their states would not be given back."""
    model = build((3,), "raster", "bernoulli", "fvsbn")
    monkeypatch.setattr(torch, "manual_seed", lambda seed: pytest.fail("all devices were seeded"))
    before = torch.get_rng_state()
    model.sample(4, generator=torch.Generator())
    assert torch.equal(torch.get_rng_state(), before)
