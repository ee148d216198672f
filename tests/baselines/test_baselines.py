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
def test_missing_values_leave_the_gaussian_out(real, first):
    parts = [part.clone() for part in (real.train, real.valid, real.test)]
    for part in parts[first:]:
        part[::2, 0] = torch.nan
    found = fit(Rows(*parts, missing=True))
    assert [one.name.split(" ")[0] for one in found.fitted] == ["independent", "mixture"]
    assert found.notes == ("no Gaussian: values are missing",)
    for one in found.fitted:
        incomplete, complete = (one.log_prob(parts[2])[start::2].mean() for start in (0, 1))
        assert incomplete > complete


def test_events_with_missing_values_have_the_density_of_what_was_observed(real):
    # as those of large data, of which only a sample is looked at
    x = real.test[:4].clone()
    x[1, 0], x[2, 1:], x[3] = torch.nan, torch.nan, torch.nan
    for one in fit(real).fitted:
        found = one.log_prob(x)
        assert found[0] == one.log_prob(real.test[:1])[0] and found[3] == pytest.approx(0, abs=1e-9)
        grid = torch.linspace(-60, 80, 14_001, dtype=torch.float64)
        rows = torch.stack([grid, *(value.expand(len(grid)) for value in real.test[1, 1:])], 1)
        integral = one.log_prob(rows).exp().sum() * 0.01
        assert float(found[1]) == pytest.approx(float(integral.log()), abs=1e-4), one.name


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
    assert found.notes == () and "histogram" in found.fitted[0].name
    entropy = -(0.3 * math.log(0.3) + 0.7 * math.log(0.7)) + 0.5 * math.log(2 * math.pi * math.e * 4)
    for one in found.fitted:
        assert -float(one.log_prob(parts[2]).mean()) == pytest.approx(entropy, abs=0.15), one.name


def mixed(n, seed):
    """A level, a bit that copies whether it is the last, and two numbers around the level; a tenth is missing."""
    generator = torch.Generator().manual_seed(seed)
    level = torch.randint(3, (n, 1), generator=generator)
    numbers = 10 * level + torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return torch.cat([level, level == 2, numbers * torch.tensor([1, 0.01], dtype=torch.float64)], 1)


KINDS = (True, True, False, False)


def test_baselines_of_mixed_rows_are_normalized():
    found = fit(Rows(mixed(400, 0), mixed(100, 1), mixed(100, 2)), *KINDS)
    names = [one.name for one in found.fitted]
    assert names[1] == "Gaussian of the densities, independent probabilities"
    assert names[2].endswith("products of independent coefficients") and len(names) == 3
    first, second = torch.linspace(-20, 40, 121), torch.linspace(-0.2, 0.4, 121)
    for one in found.fitted:
        total = 0.0
        for level in range(3):
            for bit in range(2):
                grid = torch.cartesian_prod(first, second).double()
                rows = torch.cat([torch.tensor([level, bit]).expand(len(grid), 2), grid], 1)
                total += float(one.log_prob(rows).exp().sum()) * 0.5 * 0.005
        assert total == pytest.approx(1, abs=1e-3), one.name
        assert one.log_prob(torch.tensor([[7.0, 0.0, 1.0, 0.1]])).isneginf().all()


def test_the_mixture_of_products_finds_what_depends_and_sums_over_what_is_missing():
    parts = [mixed(*key) for key in ((900, 0), (200, 1), (200, 2))]
    found = fit(Rows(*parts), *KINDS).fitted
    exact = math.log(3) + math.log(2 * math.pi * math.e) + math.log(0.01)
    nats = {one.name.split(" ")[0]: -float(one.log_prob(parts[2]).mean()) for one in found}
    assert nats["mixture"] == pytest.approx(exact, abs=0.2) and nats["mixture"] < nats["Gaussian"]
    # each number alone is one of three Gaussians, and the bit is set in a third of the rows
    bit = math.log(3) - 2 / 3 * math.log(2)
    alone = 3 * math.log(3) + bit + math.log(2 * math.pi * math.e) + math.log(0.01)
    assert nats["independent"] == pytest.approx(alone, abs=0.2)
    row = parts[2][:1].clone()
    row[0, 0] = torch.nan
    levels = torch.cat([row.clone() for _ in range(3)])
    levels[:, 0] = torch.arange(3)
    summed = found[-1].log_prob(levels).logsumexp(0)
    torch.testing.assert_close(found[-1].log_prob(row)[0], summed)
    for part in parts:
        part[::10, 0], part[1::10, 2] = torch.nan, torch.nan
    found = fit(Rows(*parts, missing=True), *KINDS)
    assert [one.name.split(" ")[0] for one in found.fitted] == ["independent", "mixture"]
    assert found.notes == ("no Gaussian: values are missing",)
    assert all(bool(one.log_prob(parts[2]).isfinite().all()) for one in found.fitted)
