"""Methods of sampling: the same samples from the same noise, and what they report."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorar import CausalBackbone, Evidence, Head, SpecError, build
from tensorar.generation import Chooser, SamplingInfo
from tensorar.generation.batch_size import max_batch_size
from tensorar.testing import evidence, models, randomize, seeds
from tests.part_specs import backbone_class, backbone_specs, head_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

causal = [spec for spec in backbone_specs() if issubclass(backbone_class(spec), CausalBackbone)]
BATCH = 5


def _sample(model, seed, known=None, **options):
    generator = torch.Generator().manual_seed(seed)
    return model.sample(BATCH, known, generator=generator, conditioning="clamp", **options)


def _same(model, ours, theirs):
    """Equal, for continuous values up to rounding."""
    if model.head.support.is_discrete:
        assert torch.equal(ours, theirs)
    else:
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("head", head_specs())
@given(data=st.data())
@settings(max_examples=6)
def test_methods_give_the_same_samples(head, data):
    """With a stepper of its own, for every head; the kit tests every backbone."""
    model = randomize(data.draw(models(backbone="fvsbn", head=head, max_coefficients=10)), 0, spread=0.4)
    seed = data.draw(seeds)
    for known in (None, data.draw(evidence(model, BATCH))):
        naive = _sample(model, seed, known, method="naive")
        for method in ("cached", "fixed-point"):
            _same(model, _sample(model, seed, known, method=method), naive)


@pytest.mark.parametrize("backbone", causal)
def test_info_reports_the_method_and_passes(backbone):
    model = randomize(build((3, 2), "raster", "bernoulli", backbone), 0, spread=0.3)
    passes = {}
    for method in ("naive", "cached", "fixed-point"):
        info = SamplingInfo()
        model.sample(4, method=method, info=info)
        assert info.method == method
        passes[method] = info.passes
    assert passes["naive"] == 6
    assert passes["cached"] == 1
    assert 1 < passes["fixed-point"] <= 6
    info = SamplingInfo()
    model.sample(4, info=info)
    assert info.method == ("cached" if model.backbone.has_stepper else "fixed-point")


def test_independent_coefficients_take_two_passes():
    model = build((50,), "raster", "bernoulli", "fvsbn")
    torch.nn.init.zeros_(model.backbone.weight)
    info = SamplingInfo()
    model.sample(8, method="fixed-point", info=info)
    assert info.passes == 2


def _copying(n):
    """A chain in which each coefficient repeats the one before, and the first is 0."""
    model = build((n,), "raster", "bernoulli", "fvsbn")
    with torch.no_grad():
        model.backbone.weight.zero_()[torch.arange(1, n), 0, torch.arange(n - 1), 0] = 200.0
        model.backbone.bias.fill_(-100.0)
    return model


def test_a_chain_in_which_each_repeats_the_one_before_settles_one_by_one():
    model = _copying(6)
    torch.nn.init.constant_(model.backbone.bias[0], 100.0)
    info = SamplingInfo()
    assert model.sample(3, method="fixed-point", info=info).eq(1).all()
    assert info.passes == 6


@pytest.mark.parametrize("method", ["naive", "cached", "fixed-point"])
def test_the_samples_do_not_depend_on_how_many_are_drawn_at_once(method):
    model = randomize(build((4, 3), "raster", "categorical:levels=4", "fvsbn"), 0, spread=0.5)
    whole = model.sample(50, generator=torch.Generator().manual_seed(0), method=method)
    one_by_one = model.sample(50, generator=torch.Generator().manual_seed(0), method=method, memory=1)
    assert torch.equal(whole, one_by_one)


def test_the_memory_bounds_how_many_are_drawn_at_once():
    model = build((28, 28), "raster", "bernoulli", "fvsbn")
    each = 784 * 4 * 2  # the features so far, and the noise
    assert max_batch_size(model, "cached", 10_000, Chooser(), 100 * each) == 100
    assert max_batch_size(model, "cached", 10, Chooser(), 100 * each) == 10
    assert max_batch_size(model, "cached", 10, Chooser(), 0) == 1


def test_candidates_of_adaptive_orders_count():
    """A small memory lowers the batch, by the parameters of all coefficients of an event."""
    head, network, memory = "categorical:levels=50", "transformer:channels=8,heads=1,layers=1", 10**6
    model = build((6, 6), "adaptive", head, network)
    fixed = build((6, 6), "shuffled", head, network)
    size = max_batch_size(model, "cached", 1000, Chooser(), memory)
    assert 1 < size < max_batch_size(fixed, "cached", 1000, Chooser(), memory)
    assert size * 36 * 50 * 4 * 8 <= memory
    steppers = []
    original = model.backbone.candidate_stepper
    model.backbone.candidate_stepper = lambda order, batch, context: (
        steppers.append(batch) or original(order, batch, context)
    )
    model.sample(5, memory=memory // 10)
    assert max(steppers) < 5


@pytest.mark.parametrize(
    ("backbone", "head", "method", "complaint"),
    [
        ("mlp:hidden=8", "bernoulli", "cached", "causal"),
        ("mlp:hidden=8", "bernoulli", "fixed-point", "causal"),
        ("fvsbn", "bernoulli", "fastest", "auto, cached, fixed-point, naive"),
    ],
)
def test_a_method_that_the_model_does_not_have(backbone, head, method, complaint, without_shape_checks):
    with pytest.raises(SpecError, match=complaint) as error:
        build((3,), "raster", head, backbone).sample(1, method=method)
    assert "\n" not in str(error.value)


def test_observed_coefficients_are_fed_not_drawn():
    """What is observed in the middle decides what follows it, by every method."""
    model = _copying(4)
    known = Evidence(torch.tensor([[False, True, False, False]]), torch.ones(1, 4))
    for method in ("naive", "cached", "fixed-point"):
        assert model.sample(evidence=known, method=method, conditioning="clamp").tolist() == [[0.0, 1.0, 1.0, 1.0]]


class Columns(Head):
    """A coin whose bias depends on the coefficient: a head that differs between them."""

    name = "columns"
    parameter_count, feature_count, support = 1, 1, torch.distributions.constraints.boolean

    def encode(self, value, coefficients=None):
        return value.unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        shift = torch.tensor([-9.0, 9.0, -9.0]).to(parameters)[coefficients]
        return torch.distributions.Bernoulli(logits=parameters[..., 0] + shift, validate_args=False)


@pytest.mark.parametrize("backbone", ["fvsbn", "mlp:hidden=8"])
def test_a_head_may_differ_between_coefficients(backbone):
    model = build((3,), "raster:flip=0", Columns(), backbone)
    methods = ["naive", "cached", "fixed-point"] if backbone == "fvsbn" else ["naive"]
    for method in methods:
        assert model.sample(200, method=method).mean(0).round().tolist() == [0.0, 1.0, 0.0]
