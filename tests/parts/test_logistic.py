"""The logistic distributions: exact in float32 over the whole range of scales, also in the first and last bin."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tensorar.testing import seeds
from tensorar_plugins.heads.distributions import DiscretizedLogistic, Logistic

# of float32 against float64, over all 256 levels, relative to the larger of the nats and 1. Measured over 10,000
# locations: 4.1e-5 at log scale -7, where a bin is 9 scales wide, 8.9e-7 at -4 and 2.1e-7 at -1
RELATIVE_ERROR = 1e-4


def _both_precisions(log_scale, seed, make):
    location = torch.rand(50, generator=torch.Generator().manual_seed(seed)) * 2.4 - 1.2
    scale = torch.full((50,), log_scale)
    return make(location, scale), make(location.double(), scale.double())


@given(log_scale=st.floats(-7, 7, width=32), seed=seeds)
@example(log_scale=-7.0, seed=0)
@example(log_scale=6.8, seed=0)
def test_float32_agrees_with_float64(log_scale, seed):
    single, double = _both_precisions(log_scale, seed, lambda a, b: DiscretizedLogistic(a, b, 256))
    levels = torch.arange(256.0)[:, None]
    got, exact = single.log_prob(levels).double(), double.log_prob(levels.double())
    assert ((got - exact).abs() / exact.abs().clamp(min=1)).max() < RELATIVE_ERROR


@pytest.mark.parametrize("log_scale", [-7.0, -4.0, -1.0, 2.0, 7.0])
@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_bins_have_the_mass_between_their_edges(log_scale, levels):
    location = torch.linspace(-1.5, 1.5, 31, dtype=torch.float64)
    distribution = DiscretizedLogistic(location, torch.full_like(location, log_scale), levels)
    edges = (2 * torch.arange(levels - 1, dtype=torch.float64) + 1) / (levels - 1) - 1
    cdf = torch.sigmoid((edges[:, None] - location) / torch.tensor(log_scale).double().exp())
    below = torch.cat([torch.zeros(1, 31), cdf, torch.ones(1, 31)])
    got = distribution.log_prob(torch.arange(levels, dtype=torch.float64)[:, None]).exp()
    torch.testing.assert_close(got, below.diff(dim=0), atol=1e-12, rtol=0)


@pytest.mark.parametrize("log_scale", [-7.0, -1.0, 7.0])
@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_the_cdf_adds_up_the_bins(log_scale, levels):
    location = torch.linspace(-1.5, 1.5, 31, dtype=torch.float64)
    distribution = DiscretizedLogistic(location, torch.full_like(location, log_scale), levels)
    every = torch.arange(levels, dtype=torch.float64)[:, None]
    bins = distribution.log_prob(every).exp().cumsum(0)
    torch.testing.assert_close(distribution.cdf(every), bins, atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [2, 255, 256, 2**20])
def test_the_cdf_is_exactly_0_below_all_levels_and_exactly_1_from_the_last(levels, dtype):
    distribution = DiscretizedLogistic(torch.zeros(3, dtype=dtype), torch.full((3,), 7.0, dtype=dtype), levels)
    ends = torch.tensor([[-1.0], [0.0], [levels - 2.0], [levels - 1.0], [levels + 5.0]], dtype=dtype)
    below, first, last_but_one, last, beyond = distribution.cdf(ends)
    assert (below == 0).all() and (last == 1).all() and (beyond == 1).all()
    assert ((first > 0) & (last_but_one < 1)).all()


@pytest.mark.parametrize("log_scale", [-7.0, -1.0, 7.0])
def test_tails_are_finite_where_a_difference_of_cdfs_would_be_zero(log_scale):
    location = torch.tensor([-1.0, 1.0])
    distribution = DiscretizedLogistic(location, torch.full_like(location, log_scale), 256)
    nats = distribution.log_prob(torch.arange(256.0)[:, None])
    assert nats.isfinite().all()
    # and decrease away from the location, except in the end bins, which include the tails
    assert (nats[1:-1, 0].diff() < 0).all() if log_scale < 0 else (nats[1:-1, 0].diff() <= 1e-6).all()
    assert (nats[1:-1, 1].diff() > 0).all() if log_scale < 0 else (nats[1:-1, 1].diff() >= -1e-6).all()


@pytest.mark.parametrize("log_scale", [-3.0, -1.0, 1.0])
def test_moments_are_those_of_the_levels(log_scale):
    location = torch.linspace(-1, 1, 9, dtype=torch.float64)
    distribution = DiscretizedLogistic(location, torch.full_like(location, log_scale), 16)
    levels = torch.arange(16, dtype=torch.float64)[:, None]
    probability = distribution.log_prob(levels).exp()
    mean = (probability * levels).sum(0)
    torch.testing.assert_close(distribution.mean, mean)
    torch.testing.assert_close(distribution.variance, (probability * (levels - mean) ** 2).sum(0))


def test_samples_are_bounded_by_the_resolution_of_uniform_numbers(monkeypatch):
    """A uniform number of exactly 0 stands for all numbers below 2 ** -24, hence for about the 1e-7 quantile."""
    monkeypatch.setattr(torch, "rand", lambda shape, **options: torch.zeros(shape, **options))
    for dtype, bound in ((torch.float32, 18), (torch.float64, 38)):
        zero = torch.zeros(3, dtype=dtype)
        drawn = Logistic(zero, zero).sample((2,))
        assert drawn.shape == (2, 3)
        assert (drawn > -bound).all()
        assert drawn.isfinite().all()
