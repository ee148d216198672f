"""Baselines against closed forms."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from tensorar import Dataset, Splits
from tensorar.baselines import fit_baselines
from tensorar.baselines.marginals import histograms


class Rows(Dataset):
    name = "rows"

    def __init__(self, train, valid, test, *, missing=False):
        self._parts, self.missing = (train, valid, test), missing

    def load(self):
        return Splits(*self._parts)


def correlated(n, seed):
    draws = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return draws @ torch.tensor([[2.0, 1.9, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 50.0]], dtype=torch.float64) + 7


@pytest.fixture(scope="module")
def real():
    return Rows(correlated(2000, 0), correlated(500, 1), correlated(500, 2))


def fit(dataset, *discrete):
    mask = torch.tensor(discrete or [False]).expand(dataset.train.shape[1])
    return fit_baselines(dataset, discrete=mask)


def by_name(dataset, *discrete):
    return {one.name.split(" ")[0]: one for one in fit(dataset, *discrete).fitted}


def test_the_gaussian_is_close_to_the_one_that_generated_the_data(real):
    found = by_name(real)["Gaussian,"]
    draws = correlated(100_000, 3)
    exact = MultivariateNormal(draws.mean(0), draws.T.cov())
    assert found.parameters == 9
    difference = (exact.log_prob(real.test) - found.log_prob(real.test)).mean()
    assert 0 < difference + 0.01 < 0.03


def test_independent_coefficients_are_the_product_of_their_marginals(real):
    found = by_name(real)["independent"]
    mean, std = real.train.mean(0), real.train.std(0, correction=0)
    expected = Normal(mean, std).log_prob(real.test).sum(1).mean()
    assert float(found.log_prob(real.test).mean()) == pytest.approx(float(expected), abs=0.02)


def test_the_mixture_finds_two_clusters_in_any_units():
    pytest.importorskip("sklearn")
    which = [torch.randint(2, (n, 1), generator=torch.Generator().manual_seed(n)).double() for n in (2000, 400, 401)]
    noise = [torch.randn(len(w), 2, generator=torch.Generator().manual_seed(9), dtype=torch.float64) for w in which]
    parts = [100 * w + torch.tensor([1.0, 10.0], dtype=torch.float64) * e for w, e in zip(which, noise, strict=True)]
    found = by_name(Rows(*parts))["mixture"]
    entropy = math.log(2) + 2 * 0.5 * math.log(2 * math.pi * math.e) + math.log(10)
    assert -float(found.log_prob(parts[2]).mean()) == pytest.approx(entropy, abs=0.1)


def test_histograms_sum_to_one_over_the_values_of_all_splits():
    values = torch.tensor([0.0, 2.0, 5.0])
    train, other = torch.tensor([[0.0, 2.0], [0.0, 2.0], [2.0, 2.0]]), torch.tensor([[5.0, 0.0]])
    for one in histograms(train, [other], torch.tensor([True, True])):
        torch.testing.assert_close(one.log_prob(values[:, None].expand(3, 2)).exp().sum(0), torch.ones(2).double())
        assert one.log_prob(torch.tensor([[1.0, 7.0]])).isneginf().all()


def test_the_frequencies_of_bits_are_found():
    parts = [(torch.rand(n, 4, generator=torch.Generator().manual_seed(n)) < 0.2).byte() for n in (3000, 300, 301)]
    found = by_name(Rows(*parts), True)["independent"]
    entropy = -4 * (0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    assert found.parameters == 4
    assert -float(found.log_prob(parts[2].double()).mean()) == pytest.approx(entropy, abs=0.1)


@pytest.mark.parametrize("first", [0, 2], ids=["all splits", "test split"])
def test_missing_values_leave_the_joint_ones_out(real, first):
    parts = [part.clone() for part in (real.train, real.valid, real.test)]
    for part in parts[first:]:
        part[::2, 0] = torch.nan
    found = fit(Rows(*parts, missing=True))
    assert [one.name.split(" ")[0] for one in found.fitted] == ["independent"]
    assert found.notes == ("no Gaussian and no mixture of Gaussians: values are missing",)
    incomplete, complete = (found.fitted[0].log_prob(parts[2])[start::2].mean() for start in (0, 1))
    assert incomplete > complete


def test_a_constant_coefficient_leaves_the_joint_ones_out(real):
    parts = [part.clone() for part in (real.train, real.valid, real.test)]
    parts[0][:, 1] = 3
    notes = fit(Rows(*parts)).notes
    assert notes == ("no Gaussian and no mixture of Gaussians: a coefficient does not vary in the training events",)


def test_without_scikit_learn_there_is_a_line(real, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    found = fit(real)
    assert found.notes == ("no mixture of Gaussians: it is not installed; pip install tensorar[baselines]",)
    assert len(found.fitted) == 2


def test_mixed_columns_have_marginals_in_their_own_units():
    draws = [torch.Generator().manual_seed(n) for n in (2000, 300, 301)]
    parts = []
    for n, generator in zip((2000, 300, 301), draws, strict=True):
        bits = (torch.rand(n, 1, generator=generator) < 0.3).double()
        parts.append(torch.cat([bits, 5 + 2 * torch.randn(n, 1, generator=generator).double()], 1))
    found = fit(Rows(*parts), True, False)
    assert len(found.fitted) == 1 and "histogram" in found.fitted[0].name
    assert found.notes == ("no Gaussian and no mixture of Gaussians: some coefficients have probabilities",)
    entropy = -(0.3 * math.log(0.3) + 0.7 * math.log(0.7)) + 0.5 * math.log(2 * math.pi * math.e * 4)
    assert -float(found.fitted[0].log_prob(parts[2]).mean()) == pytest.approx(entropy, abs=0.15)
