"""Normal scores: increasing functions of columns, and heads that work in them."""

import math

import pytest
import torch
from scipy import stats

from tensorar import SpecError, build, default_registry
from tensorar.marginal_mixtures import choose_mixtures, fit_mixtures
from tensorar.normal_scores import NormalScores, find_normal_scores

GENERATOR = torch.Generator().manual_seed(0)


def data(n=600):
    """A bimodal column, a long tail, and one of few values."""
    two = torch.where(torch.rand(n, generator=GENERATOR) < 0.3, -4.0, 3.0) + torch.randn(n, generator=GENERATOR)
    tail = (torch.randn(n, generator=GENERATOR)).exp() * 1000
    few = torch.randint(5, (n,), generator=GENERATOR).double()
    return torch.stack([two.double(), tail.double(), few], 1)


def test_scores_are_about_standard_normal():
    scores = find_normal_scores(data(), data()).transform(torch.arange(3), torch.device("cpu")).inv(data(4000))
    for column in scores.T[:2]:
        assert stats.kstest(column.numpy(), "norm").statistic < 0.06


def test_the_function_is_undone_and_its_slope_is_stated():
    transform = find_normal_scores(data(), None).transform(torch.arange(3), torch.device("cpu"))
    score = torch.linspace(-9, 9, 301, dtype=torch.float64)[:, None].expand(-1, 3).clone().requires_grad_()
    value = transform(score)
    assert torch.allclose(transform.inv(value), score, atol=1e-7)
    (slope,) = torch.autograd.grad(value.sum(), score)
    assert torch.allclose(slope.log(), transform.log_abs_det_jacobian(score, value), atol=1e-9)
    assert (value.diff(dim=0) > 0).all()


def test_missing_values_outliers_and_constants_are_no_obstacle():
    events = data()
    events[::3, 0], events[5, 1], events[:, 2] = math.nan, 1e30, 7.0
    transform = find_normal_scores(events, None).transform(torch.arange(3), torch.device("cpu"))
    found = transform.inv(events)
    assert torch.equal(found.isnan(), events.isnan())
    assert found[~events.isnan()].isfinite().all()


@pytest.mark.parametrize("head", ["gaussian:units=normal", "gaussian_mixture:components=3,units=normal"])
def test_densities_of_the_data_integrate_to_one(head):
    events = data()[:, :2]
    model = build((2,), "raster", head, "fvsbn", data=events).double()
    model.init_from_marginals(events)
    # given the first column, over all values of the second
    first = torch.full((1, 2), 3.0, dtype=torch.float64)
    grid = torch.linspace(-2e3, 2e5, 400_001, dtype=torch.float64)
    log_density = model.log_prob(torch.stack([first[0, 0].expand(len(grid)), grid], 1)).detach()
    own = model.log_prob(first).detach() - model.conditionals(first).log_prob(first)[:, 1].detach()
    assert torch.trapezoid((log_density - own).exp(), grid) == pytest.approx(1, abs=2e-3)


def test_a_run_keeps_them():
    head = default_registry().create("head", "gaussian:units=normal").for_data(data(), data())
    again = default_registry().create("head", "gaussian:units=normal").with_data_state(head.data_state())
    events, index = data(), torch.arange(3)
    assert torch.equal(head.standardize(events, index), again.standardize(events, index))
    state = head.data_state()
    with pytest.raises(SpecError, match="increasing"):
        NormalScores.from_state({**state, "score": state["score"].flip(1)})
    with pytest.raises(SpecError, match="location and a scale"):
        default_registry().create("head", "student_t:units=normal")


def test_held_out_values_choose_the_number_of_components():
    events = data().T.contiguous()[:1]
    standard = (events - events.mean()) / events.std()
    one, chosen = fit_mixtures(standard, 1), choose_mixtures(standard, standard, (1, 2))
    assert float(one.deviation) == pytest.approx(float(standard.std(correction=0)), rel=1e-3)
    assert chosen.log_density(standard).mean() > one.log_density(standard).mean() + 0.1


@pytest.mark.parametrize("head", ["gaussian:units=normal", "gaussian_mixture:components=3,units=normal"])
def test_the_moments_are_those_of_a_fine_grid(head):
    model = build((3,), "raster", head, "made:hidden=8", data=data()).double()
    model.init_from_marginals(data())
    predicted = model.conditionals(data(1))
    score = torch.linspace(-12, 12, 100_001, dtype=torch.float64)[:, None, None].expand(-1, 1, 3)
    share, value = predicted.standard.log_prob(score).exp().detach() * 24 / 100_000, predicted.transform(score)
    mean = (share * value).sum(0)
    deviation = (share * (value - mean) ** 2).sum(0).sqrt()
    assert ((predicted.mean - mean).abs() < 1e-2 * deviation).all()
    assert torch.allclose(predicted.stddev, deviation, rtol=1e-2)
