"""Every head: moments, units, features, rejected values and options, and dtypes."""

from __future__ import annotations

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, SpecError, SupportError, build, default_registry, suggest_heads
from tensorar.testing import events_of, levels_of, points_and_weights, seeds, values_of
from tensorar.transforms import DataDistribution
from tests.part_specs import backbone_class, backbone_specs, continuous_head_specs, discrete_head_specs, head_specs

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

# wide enough for the variance of the heaviest tails
FINE = {"reach": 80, "step": 0.002}


def _make(spec):
    return default_registry().create("head", spec)


def _parameters(head, shape, seed, *, spread=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, head.parameter_count, generator=generator, dtype=dtype) * spread


@pytest.mark.parametrize("spec", [*discrete_head_specs(), *continuous_head_specs()])
@given(seed=seeds)
def test_moments_are_those_of_the_probabilities(spec, seed):
    head = _make(spec)
    distribution = head.distribution(_parameters(head, (), seed, spread=0.5))
    levels = levels_of(head)
    values, weights = (torch.arange(levels).double(), 1.0) if levels else points_and_weights(head, **FINE)
    mass = distribution.log_prob(values).exp() * weights
    mean = (mass * values).sum()
    torch.testing.assert_close(distribution.mean, mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(distribution.variance, (mass * (values - mean) ** 2).sum(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["gaussian", "gaussian_mixture", "logistic_mixture", "student_t"])
@given(seed=seeds, location=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
def test_location_and_scale_change_variables_only(name, seed, location, scale):
    """Standard values are in standard units, and densities follow the change of variables."""
    plain, moved = _make(name), _make(f"{name}:units='{location!r}/{scale!r}'")
    parameters, unit = _parameters(plain, (20,), seed), values_of(plain, (20,), seed)
    value = location + scale * unit
    torch.testing.assert_close(moved.standardize(value), unit, rtol=1e-6, atol=1e-6)
    other = plain.distribution(parameters)
    one = DataDistribution(moved.distribution(parameters), moved.transform())
    torch.testing.assert_close(one.log_prob(value), other.log_prob(unit) - math.log(scale), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(one.mean, location + scale * other.mean)
    torch.testing.assert_close(one.variance, scale**2 * other.variance)


@pytest.mark.parametrize("spec", [*head_specs(), "categorical", "logistic_mixture:levels=256"])
def test_features_are_of_about_unit_size(spec):
    head = _make(spec)
    assert head.encode(values_of(head, (1000,), 0)).abs().max() < 5


@pytest.mark.parametrize("spec", head_specs())
def test_nan_is_encoded_as_nan(spec):
    head = _make(spec)
    value = values_of(head, (4,), 0)
    value[2] = torch.nan
    assert head.encode(value).isfinite().all(-1).tolist() == [True, True, False, True]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("spec", head_specs())
def test_all_heads_reject_non_finite_values(spec, bad):
    values = values_of(_make(spec), (3, 4), 0)
    values = _make(spec).restore(values)
    values[1, 2] = bad
    with pytest.raises(SupportError, match=f"got {bad:g} in the table; use another") as error:
        _make(spec).check(values, what="the table", suggestion="use another")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [-1.0, 0.5, 3.0])
@pytest.mark.parametrize("spec", discrete_head_specs())
def test_errors_for_values_out_of_range_name_the_range(spec, bad):
    head = _make(spec)
    values = values_of(head, (3000, 4), 0)
    values[2500, 3] = bad
    expected = "0 or 1" if levels_of(head) == 2 else "integers from 0 to 2"
    with pytest.raises(SupportError, match=rf"event 2500 .*{expected}.*got {bad:g} in the data"):
        head.check(values)
    known = torch.ones_like(values, dtype=torch.bool)
    known[2500, 3] = False
    head.check(values, known=known)


@pytest.mark.parametrize(("name", "value"), [("beta", 0.9999999999), ("poisson", 2**24 + 1), ("bernoulli", 1e-60)])
def test_values_that_rounding_makes_impossible_are_rejected(name, value):
    usual = 0.5 if name == "beta" else 1.0
    values = torch.tensor([[usual, usual], [value, usual]], dtype=torch.float64)
    rounded = values[1, 0].float().item()
    with pytest.raises(SupportError, match=re.escape(f"got {values[1, 0]}, rounded to {rounded:g}, in the data;")):
        _make(name).check(values, dtype=torch.float32)
    assert name not in [spec.name for spec in suggest_heads(values)]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "spec", [spec for spec in head_specs() if _make(spec).supports(_make(spec).standardize(torch.arange(2.0))).all()]
)
def test_all_dtypes_are_checked(spec, dtype):
    _make(spec).check(torch.tensor([[0, 1], [1, 1]], dtype=dtype))


@pytest.mark.parametrize(
    "spec",
    [
        "categorical:levels=1",
        "categorical:levels=0",
        "logistic_mixture:levels=1",
        "logistic_mixture:components=0",
        "logistic_mixture:units='0/0'",
        "logistic_mixture:units='0/1',levels=4",
        "logistic_mixture:levels=9999999",
        "categorical:values='1'",
        "categorical:values='a b'",
        "gaussian:floor=0",
        "gaussian:units='nan/1'",
        "student_t:units='0/-1'",
        "log_normal:units=one",
        "log_normal:units='inf/1'",
        "beta:floor=0",
        "negative_binomial:units='0/0'",
        "negative_binomial:units='nan/1'",
        "gaussian_mixture:components=-1",
        "gaussian_mixture:floor=0",
        "gaussian_mixture:units='0/-1'",
        "gaussian_mixture:units='0/nan'",
        "gaussian_mixture:units='0/inf'",
        "gaussian_mixture:units='nan/1'",
        "logistic_mixture:units='0/1/2'",
    ],
)
def test_invalid_options_are_rejected(spec):
    with pytest.raises(SpecError, match=spec.partition(":")[0]):
        _make(spec)


@pytest.mark.parametrize("backbone", backbone_specs())
@pytest.mark.parametrize("spec", [*head_specs(), "categorical:levels=3000"])
def test_values_and_likelihoods_are_never_in_half_precision(spec, backbone):
    model = build((2,), "raster", spec, backbone).bfloat16()
    x = events_of(model, 4, 0)
    full = {torch.float32, torch.float64}
    assert model.log_prob(x).dtype in full
    assert model.conditional(model.order.evidence_before(x, 1)).log_prob(x[:, 1].float()).dtype in full
    known = Evidence(torch.tensor([[True, False]]).expand(4, 2), x)
    assert torch.equal(model.sample(evidence=known)[:, 0], x[:, 0])
    assert model.loss(x).isfinite()


@pytest.mark.parametrize("backbone", backbone_specs())
def test_models_work_under_autocast(backbone):
    ordering = "raster" if backbone_class(backbone).orders == "raster" else "shuffled"
    model = build((3,), ordering, "categorical:levels=3", backbone)
    x = values_of(model.head, (4, 3), 0)
    with torch.autocast("cpu", torch.bfloat16):
        assert model.log_prob(x).dtype == torch.float32
        assert model.conditional(model.order.evidence_before(x, 1)).log_prob(x[:, 0].float()).dtype == torch.float32
        assert model.sample(2).dtype == torch.float32
        model.loss(x).backward()


def test_parameters_are_logits():
    """Logits taken for probabilities would give a normalized distribution too, but a wrong one."""
    logits = torch.linspace(-5, 5, 21, dtype=torch.float64)
    for value in (0.0, 1.0):
        scored = _make("bernoulli").distribution(logits.unsqueeze(-1)).log_prob(torch.full_like(logits, value))
        expected = torch.nn.functional.logsigmoid(logits if value else -logits)
        torch.testing.assert_close(scored, expected)
    several = torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scored = _make("categorical:levels=4").distribution(several).log_prob(torch.zeros(7).double())
    torch.testing.assert_close(scored, several.log_softmax(-1)[:, 0])
