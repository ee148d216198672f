"""The values of the course, and the exact distribution that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorar import Evidence, ShapeError, SpecError, load_dataset
from tensorar_plugins.datasets.mixture1d import Mixture1d


def test_values_of_the_course():
    random = np.random.RandomState(0)
    low, high = 0.3 + 0.1 * random.randn(10_000), 0.8 + 0.05 * random.randn(10_000)
    first = random.rand(10_000) < 0.5
    values = np.digitize(np.clip(low * first + high * ~first, 0, 1), np.linspace(0, 1, 100))
    data = Mixture1d()
    assert np.array_equal(torch.cat([data.train, data.test])[:, 0].numpy(), values)
    one = Mixture1d(components=1)
    values = np.digitize(0.4 + 0.1 * np.random.RandomState(0).randn(1000), np.linspace(0, 1, 20))
    assert np.array_equal(torch.cat([one.train, one.test])[:, 0].numpy(), values)


@pytest.mark.parametrize("components", [1, 2])
def test_probabilities(components):
    data = Mixture1d(components=components)
    levels = torch.arange(len(data.probabilities))[:, None]
    p = data.log_prob(levels).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    assert p[0] == 0
    assert torch.equal(data.conditional(Evidence.none(2, (1,))).probs[1], data.probabilities)
    # five standard deviations of the mean of 2000 values
    nats = -data.log_prob(data.valid)
    entropy = -(p[1:] * p[1:].log()).sum()
    assert abs(nats.mean() - entropy) < 5 * nats.std() / len(nats) ** 0.5


def test_the_optimum_that_the_course_comes_close_to():
    data = load_dataset("mixture1d")
    assert -data.log_prob(data.test).mean().item() == pytest.approx(4.0315, abs=1e-4)
    counts = 1 + torch.bincount(data.train[:, 0], minlength=101).double()
    smoothed = -(counts / counts.sum()).log()[data.test[:, 0]].mean()
    assert smoothed.item() == pytest.approx(4.0330, abs=1e-4)


@pytest.mark.parametrize("value", [-1.0, 0.5, 100.0, torch.nan, torch.inf])
def test_impossible_values(value):
    assert Mixture1d().log_prob(torch.tensor([[value]])).item() == -torch.inf


@pytest.mark.usefixtures("without_shape_checks")
def test_invalid_arguments():
    with pytest.raises(SpecError, match="one of 1, 2"):
        Mixture1d(components=3)
    with pytest.raises(ShapeError, match=r"shape \(1,\)"):
        Mixture1d().log_prob(torch.zeros(3, 2))
    with pytest.raises(ShapeError, match="unknown"):
        Mixture1d().conditional(Evidence(torch.ones(1, 1, dtype=torch.bool), torch.ones(1, 1)))
