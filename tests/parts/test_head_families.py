"""Heads with a fixed family of distributions: exact in float32, finite at extremes, initialized at the marginals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import build, default_registry, suggest_heads
from tensorar.testing import p_value, seeds
from tensorar_plugins.heads.scales import log_rate

COUNTS = ["poisson", "negative_binomial"]
FAMILIES = ["gaussian", "student_t", "log_normal", "beta", *COUNTS]
SIGNIFICANCE = 1e-4
# values at the ends of each support, and extreme ones
EXTREME_VALUES = {
    "gaussian": [0.0, -1e6, 1e12],
    "student_t": [0.0, -1e6, 1e30],
    "log_normal": [-88.0, 0.0, 1e12],
    "beta": [1e-38, 0.5, 1 - 2**-24],
    "poisson": [0, 1, 2**24],
    "negative_binomial": [0, 1, 2**24],
}


def _make(spec):
    return default_registry().create("head", spec)


def _parameters(head, shape, seed, *, spread=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, head.parameter_count, generator=generator, dtype=dtype) * spread


@pytest.mark.parametrize("name", list(default_registry().parts("head")))
def test_nan_parameters_give_nan_likelihoods(name):
    """Coefficients visited after a NaN have NaN likelihoods, without an error or a device synchronization."""
    head = _make(name)
    distribution = head.distribution(torch.full((2, head.parameter_count), torch.nan))
    value = torch.tensor(0.5 if name == "beta" else 1.0)
    assert distribution.log_prob(value).isnan().all()


# --- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
@given(seed=seeds)
def test_masses_and_moments_over_a_long_range(name, seed):
    head = _make(name)
    distribution = head.distribution(_parameters(head, (10,), seed, spread=0.5))
    counts = torch.arange(5000).double()
    mass = distribution.log_prob(counts[:, None]).exp()
    torch.testing.assert_close(mass.sum(0), torch.ones(10).double(), atol=1e-9, rtol=0)
    mean = counts @ mass
    torch.testing.assert_close(distribution.mean, mean, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(distribution.variance, counts**2 @ mass - mean**2, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("log_mean", [-2.0, 1.0, 5.0])
def test_frequencies_of_samples_match_the_probabilities(name, log_mean, dtype):
    head = _make(name)
    parameters = torch.zeros(head.parameter_count, dtype=dtype)
    parameters[0] = log_mean
    distribution = head.distribution(parameters)
    torch.manual_seed(0)
    drawn = distribution.sample((20_000,)).long().bincount(minlength=5000)
    assert p_value(drawn, distribution.log_prob(torch.arange(len(drawn)).to(dtype)).exp().double()) > SIGNIFICANCE


@given(log_mean=st.floats(-60, 15), count=st.integers(0, 2**24))
def test_large_counts_are_exact_in_float32(log_mean, count):
    raw = torch.tensor([log_mean])
    rate = math.exp(raw.item())
    expected = count * raw.item() - rate - math.lgamma(count + 1)
    found = _make("poisson").distribution(raw).log_prob(torch.tensor(float(count))).item()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("name", "dispersion"), [("poisson", 0.0), ("negative_binomial", 1e-4)])
def test_a_large_mean_is_matched_to_a_thousandth_of_a_nat(name, dispersion):
    """The difference of log-gammas in float32 would be off by nats."""
    log_mean = torch.tensor(13.8)
    count = log_mean.exp().round()
    parameters = torch.stack([log_mean, torch.tensor(-50.0)])[: _make(name).parameter_count]
    found = _make(name).distribution(parameters).log_prob(count).item()
    # the density of the Gaussian of that variance, at its mode
    variance = count.item() + dispersion * count.item() ** 2
    assert found == pytest.approx(-0.5 * math.log(2 * math.pi * variance), abs=1e-3)


def test_without_dispersion_the_negative_binomial_is_poisson():
    counts = torch.arange(50).double()
    parameters = torch.tensor([1.5, -50.0]).double()
    overdispersed, poisson = (
        _make(name).distribution(parameters[:n]) for name, n in (("negative_binomial", 2), ("poisson", 1))
    )
    probable = counts[poisson.log_prob(counts) > -10]
    torch.testing.assert_close(overdispersed.log_prob(probable), poisson.log_prob(probable), rtol=0, atol=2e-2)


# --- extremes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.0, 3.0, 30.0, 300.0, 1e4])
@pytest.mark.parametrize("name", FAMILIES)
def test_extreme_values_have_finite_likelihoods_and_gradients(name, size, dtype):
    head = _make(name)
    parameters = torch.cartesian_prod(*[torch.tensor([-size, 0.0, size], dtype=dtype)] * head.parameter_count)
    parameters = parameters.reshape(-1, head.parameter_count).requires_grad_()
    nats = head.distribution(parameters).log_prob(torch.tensor(EXTREME_VALUES[name], dtype=dtype)[:, None])
    (gradient,) = torch.autograd.grad(nats.sum(), parameters)
    assert nats.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", FAMILIES)
@given(seed=seeds, spread=st.sampled_from([0.5, 3.0, 10.0]))
def test_float32_agrees_with_float64(name, seed, spread):
    """For any parameters, up to an error of a few ten-thousandths of the larger of 1 and the result."""
    head = _make(name)
    parameters = _parameters(head, (30,), seed, spread=spread, dtype=torch.float32)
    for value in (torch.tensor(v) for v in EXTREME_VALUES[name][:2]):
        exact = head.distribution(parameters.double()).log_prob(value.float().double())
        found = head.distribution(parameters).log_prob(value.float()).double()
        torch.testing.assert_close(found, exact, rtol=3e-4, atol=3e-4)


def test_a_rate_is_exponential_and_then_linear():
    raw = torch.linspace(-50, 100, 3001, dtype=torch.float64, requires_grad=True)
    rate = log_rate(raw).exp()
    (gradient,) = torch.autograd.grad(rate.sum(), raw)
    assert (gradient > 0).all()
    torch.testing.assert_close(rate[raw < 16], raw[raw < 16].exp())
    torch.testing.assert_close(gradient[raw > 16], torch.full_like(gradient[raw > 16], math.exp(16)))


# --- features --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_extreme_values_have_distinct_finite_features(name):
    head = _make(name)
    values = torch.tensor(EXTREME_VALUES[name]).float()
    features = head.encode(values if name in COUNTS else torch.cat([values, torch.linspace(0.01, 0.99, 99)]))
    assert features.isfinite().all()
    assert len(features.unique(dim=0)) == len(features) - (name == "beta")
    # an unknown value is encoded as zero, and masked afterwards
    assert head.encode(torch.zeros(1)).isfinite().all()


def test_all_counts_up_to_ten_thousand_have_distinct_features():
    for name in COUNTS:
        assert len(_make(name).encode(torch.arange(10_000.0)).unique()) == 10_000


def test_features_of_outliers_are_compressed():
    assert _make("student_t").encode(torch.tensor([1e6])).item() < 20


# --- marginals -------------------------------------------------------------------------------------------------------


def _data(name, generator):
    """Many values of two coefficients from a distribution of the head's family, if there is one."""
    shape = (20_000, 2)
    unit = torch.randn(shape, generator=generator, dtype=torch.float64)
    normal = unit * torch.tensor([0.5, 2.0]) + torch.tensor([3, -1])
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    rate = torch.tensor([0.3, 20.0]).expand(shape)
    return {
        "gaussian": normal,
        "student_t": normal,
        "log_normal": normal,
        "beta": uniform.clamp(1e-9, 1 - 1e-9).sqrt(),
        "poisson": torch.poisson(rate, generator),
        "negative_binomial": torch.poisson(rate * -uniform.float().log(), generator),
    }[name]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("units", [False, True])
def test_the_marginal_maximizes_the_likelihood(name, units):
    """Changing any of its parameters increases the likelihood by at most 0.02 nats."""
    options = ":units='0.7/1.9'" if units and "units" in _make(name).option_parameters() else ""
    head, values = _make(name + options), _data(name, torch.Generator().manual_seed(0))
    marginal = head.marginal_parameters(values)
    assert marginal.shape == (2, head.parameter_count)
    nats = head.distribution(marginal).log_prob(values).mean(0)
    for index in range(head.parameter_count):
        for step in (-0.3, 0.3):
            moved = marginal.clone()
            moved[:, index] += step
            assert (head.distribution(moved).log_prob(values).mean(0) < nats + 0.02).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_constant_data_have_a_finite_marginal(name):
    head = _make(name)
    value = EXTREME_VALUES[name][1] if name not in ("gaussian", "student_t") else 2.0
    marginal = head.marginal_parameters(torch.full((10, 3), float(value)))
    assert marginal.isfinite().all()
    assert head.distribution(marginal).log_prob(torch.tensor(float(value))).isfinite().all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_model_is_initialized_from_the_marginals(name, shape):
    model = build(shape, "raster", name, "fvsbn")
    values = _data(name, torch.Generator().manual_seed(0)).float()
    values = values if shape else values[:, 0]
    values = model.restore(values)
    plain = build(shape, "raster", name, "fvsbn").loss(values)
    model.init_from_marginals(values)
    assert model.loss(values) < plain + 0.01


# --- suggestions -----------------------------------------------------------------------------------------------------


def _suggested(values):
    return [str(spec) for spec in suggest_heads(values)]


def test_negative_binomial_is_suggested_for_large_counts_but_not_for_levels():
    generator = torch.Generator().manual_seed(0)
    counts = (torch.randn(1000, 2, generator=generator) * 2 + 4).exp().floor()
    first = _suggested(counts)[0]
    assert first == "negative_binomial"
    features = _make(first).for_data(counts).encode(counts, torch.arange(2))
    assert abs(features.mean().item()) < 0.5 and 0.5 < features.std().item() < 2
    gray = torch.randint(2**16, (1000, 2), generator=generator)
    assert _suggested(gray) == ["logistic_mixture:levels=auto", "gaussian_mixture"]


def test_single_families_are_suggested_after_the_mixture():
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(1000, 2, generator=generator).clamp(1e-6, 1 - 1e-6)
    assert [spec.partition(":")[0] for spec in _suggested(shares)] == ["gaussian_mixture", "beta"]
    amounts = (torch.randn(1000, 2, generator=generator) * 3).exp() * 100
    names = _suggested(amounts)
    assert [spec.partition(":")[0] for spec in names] == ["gaussian_mixture", "log_normal"]
    head = _make(names[1]).for_data(amounts)
    assert abs(head.standardize(amounts, torch.arange(2)).mean().item()) < 0.5
