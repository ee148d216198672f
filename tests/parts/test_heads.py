"""Every head: a distribution over its support, values in and out of it, and something finite for a network to see."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, SpecError, SupportError, build, default_registry
from tests.oracles import levels_of, p_value
from tests.quadrature import points_and_weights
from tests.strategies import (
    backbone_specs,
    continuous_head_specs,
    discrete_head_specs,
    head_specs,
    kind_of,
    seeds,
    values_of,
)

# one chance in ten thousand to fail if seeds were not fixed
LEVEL = 1e-4
DRAWS = 20_000
# far enough for the variance of the heaviest tails
FINE = {"reach": 80, "step": 0.002}
# what lies so close to 1 that float64 has no number for it
TOLERANCE = {"beta": 1e-3}


def _make(spec):
    return default_registry().create("head", spec)


def _parameters(head, shape, seed, *, spread=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, head.parameter_count, generator=generator, dtype=dtype) * spread


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("spec", [*discrete_head_specs(), "categorical", "logistic_mixture:levels=256"])
@given(seed=seeds, spread=st.sampled_from([0.1, 1.0, 10.0]))
def test_probabilities_sum_to_one(spec, dtype, tolerance, seed, spread):
    head = _make(spec)
    levels = torch.arange(levels_of(head), dtype=dtype)[:, None]
    distribution = head.distribution(_parameters(head, (20,), seed, spread=spread, dtype=dtype))
    total = distribution.log_prob(levels).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(20, dtype=dtype), atol=tolerance, rtol=0)


@pytest.mark.parametrize("spec", continuous_head_specs())
@given(seed=seeds)
def test_densities_integrate_to_one(spec, seed):
    head = _make(spec)
    points, weights = points_and_weights(head, **FINE)
    density = head.distribution(_parameters(head, (), seed)).log_prob(points).exp()
    assert abs((density @ weights).item() - 1) < TOLERANCE.get(spec, 1e-6)


@pytest.mark.parametrize("spec", discrete_head_specs())
def test_samples_are_as_frequent_as_they_are_probable(spec):
    head = _make(spec)
    distribution = head.distribution(_parameters(head, (), 1))
    torch.manual_seed(0)
    counts = distribution.sample((DRAWS,)).long().bincount(minlength=levels_of(head))
    probability = distribution.log_prob(torch.arange(levels_of(head)).double()).exp()
    assert p_value(counts, probability) > LEVEL


@pytest.mark.parametrize("spec", continuous_head_specs())
def test_samples_follow_the_density(spec):
    """Kolmogorov and Smirnov: the largest gap between the samples' distribution function and the integrated density."""
    head = _make(spec)
    distribution = head.distribution(_parameters(head, (), 2))
    torch.manual_seed(0)
    samples = distribution.sample((DRAWS,)).sort().values
    points, weights = points_and_weights(head, **FINE)
    cdf = (distribution.log_prob(points).exp() * weights).cumsum(0)
    expected = cdf[torch.searchsorted(points, samples).clamp(max=len(points) - 1)]
    gap = (expected - (torch.arange(DRAWS) + 0.5) / DRAWS).abs().max()
    assert gap < math.sqrt(math.log(2 / LEVEL) / (2 * DRAWS)) + 0.001


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spec", head_specs())
@given(seed=seeds, spread=st.sampled_from([0.1, 1.0, 30.0, 1000.0]))
def test_samples_are_in_the_support(spec, dtype, seed, spread):
    head = _make(spec)
    samples = head.distribution(_parameters(head, (50,), seed, spread=spread, dtype=dtype)).sample((20,))
    head.check(samples)
    assert samples.shape == (20, 50)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spec", [*head_specs(), "logistic_mixture:levels=256", "logistic_mixture:levels=65536"])
@pytest.mark.parametrize("size", [1e1, 1e2, 1e4])
def test_extreme_parameters_give_finite_likelihoods_and_slopes(spec, dtype, size):
    head = _make(spec)
    parameters = _parameters(head, (200,), 0, dtype=dtype).sign() * size
    parameters.requires_grad_()
    value = values_of(head, (200,), 0).to(dtype)
    nats = head.distribution(parameters).log_prob(value)
    (slopes,) = torch.autograd.grad(nats.sum(), parameters)
    assert nats.isfinite().all()
    assert slopes.isfinite().all()


@pytest.mark.parametrize("spec", head_specs())
@pytest.mark.parametrize("shape", [(), (4,), (3, 2, 2)])
def test_shapes_go_through(spec, shape):
    head = _make(spec)
    value = values_of(head, (7, *shape), 0)
    features = head.encode(value)
    assert features.shape == (7, *shape, head.feature_count)
    assert features.isfinite().all()
    assert features.dtype == value.dtype
    nats = head.distribution(_parameters(head, (7, *shape), 0)).log_prob(value)
    assert nats.shape == (7, *shape)


@pytest.mark.parametrize("name", ["gaussian", "gaussian_mixture", "logistic_mixture", "student_t"])
@given(seed=seeds, location=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
def test_units_move_the_data_and_nothing_else(name, seed, location, scale):
    """Networks see standard units, and densities change as the change of variables has it."""
    plain, moved = _make(name), _make(f"{name}:location={location!r},scale={scale!r}")
    parameters, unit = _parameters(plain, (20,), seed), values_of(plain, (20,), seed)
    value = location + scale * unit
    torch.testing.assert_close(moved.encode(value), plain.encode(unit), rtol=1e-6, atol=1e-6)
    one, other = moved.distribution(parameters), plain.distribution(parameters)
    torch.testing.assert_close(one.log_prob(value), other.log_prob(unit) - math.log(scale), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(one.mean, location + scale * other.mean)
    torch.testing.assert_close(one.variance, scale**2 * other.variance)


@pytest.mark.parametrize("spec", [*head_specs(), "categorical", "logistic_mixture:levels=256"])
def test_what_a_network_sees_is_of_about_unit_size(spec):
    head = _make(spec)
    assert head.encode(values_of(head, (1000,), 0)).abs().max() < 5


@pytest.mark.parametrize("spec", [*discrete_head_specs(), "categorical"])
def test_different_values_look_different(spec):
    head = _make(spec)
    levels = torch.arange(levels_of(head), dtype=torch.float32)
    assert len(head.encode(levels).unique(dim=0)) == len(levels)


@pytest.mark.parametrize("spec", head_specs())
def test_a_nan_is_shown_as_unknown(spec):
    head = _make(spec)
    value = values_of(head, (4,), 0)
    value[2] = torch.nan
    assert head.encode(value).isfinite().all(-1).tolist() == [True, True, False, True]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("spec", head_specs())
def test_what_is_not_finite_is_refused_by_all(spec, bad):
    values = values_of(_make(spec), (3, 4), 0)
    values[1, 2] = bad
    with pytest.raises(SupportError, match=f"got {bad:g} in the table; use another") as error:
        _make(spec).check(values, what="the table", suggestion="use another")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [-1.0, 0.5, 3.0])
@pytest.mark.parametrize("spec", discrete_head_specs())
def test_what_is_out_of_range_is_refused_and_the_range_told(spec, bad):
    head = _make(spec)
    values = values_of(head, (3000, 4), 0)
    values[2500, 3] = bad
    told = "0 or 1" if levels_of(head) == 2 else "integers from 0 to 2"
    with pytest.raises(SupportError, match=rf"{told}.*got {bad:g} in the data"):
        head.check(values)
    known = torch.ones_like(values, dtype=torch.bool)
    known[2500, 3] = False
    head.check(values, known=known)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("spec", [spec for spec in head_specs() if _make(spec).support.check(torch.arange(2.0)).all()])
def test_all_number_types_are_checked(spec, dtype):
    _make(spec).check(torch.tensor([[0, 1], [1, 1]], dtype=dtype))


@pytest.mark.parametrize(
    "spec",
    [
        "categorical:levels=1",
        "categorical:levels=0",
        "logistic_mixture:levels=1",
        "logistic_mixture:components=0",
        "logistic_mixture:scale=0",
        "gaussian:floor=0",
        "gaussian:location=nan",
        "student_t:scale=-1",
        "log_normal:scale=0",
        "log_normal:location=inf",
        "beta:floor=0",
        "negative_binomial:scale=0",
        "negative_binomial:location=nan",
        "gaussian_mixture:components=-1",
        "gaussian_mixture:floor=0",
        "gaussian_mixture:scale=-1",
        "gaussian_mixture:scale=nan",
        "gaussian_mixture:scale=inf",
        "gaussian_mixture:location=nan",
        "logistic_mixture:location=inf",
    ],
)
def test_impossible_options_are_refused(spec):
    with pytest.raises(SpecError, match=spec.partition(":")[0]):
        _make(spec)


@pytest.mark.parametrize("backbone", backbone_specs())
@pytest.mark.parametrize("spec", [*head_specs(), "categorical:levels=3000"])
def test_values_and_likelihoods_are_never_in_half_precision(spec, backbone):
    model = build((2,), "raster", spec, backbone).bfloat16()
    x = values_of(model.head, (4, 2), 0)
    assert model.log_prob(x).dtype == torch.float32
    assert model.conditional(model.order.evidence(x, 1)).log_prob(x[:, 1].float()).dtype == torch.float32
    known = Evidence(torch.tensor([[True, False]]).expand(4, 2), x)
    assert torch.equal(model.sample(evidence=known)[:, 0], x[:, 0].float())
    assert model.loss(x).isfinite()


@pytest.mark.parametrize("backbone", backbone_specs())
def test_models_work_under_autocast(backbone):
    ordering = "raster" if kind_of(backbone).orders == "raster" else "shuffled"
    model = build((3,), ordering, "categorical:levels=3", backbone)
    x = values_of(model.head, (4, 3), 0)
    with torch.autocast("cpu", torch.bfloat16):
        assert model.log_prob(x).dtype == torch.float32
        assert model.conditional(model.order.evidence(x, 1)).log_prob(x[:, 0].float()).dtype == torch.float32
        assert model.sample(2).dtype == torch.float32
        model.loss(x).backward()
