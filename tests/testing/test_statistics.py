"""The statistical tests of the checks: calibrated where nothing differs, and significant where something does."""

import pytest
import torch

from tensorar import Dataset, Splits
from tensorar.testing import checks
from tensorar.testing.statistics import (
    p_value_of_counts,
    p_value_of_mean,
    p_value_of_means,
    projections,
    smirnov_p_values,
)

TRIALS = 500


def sample(n, columns=TRIALS, seed=0):
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def counts(n, seed=0):
    cells = torch.randint(6, (n, TRIALS), generator=torch.Generator().manual_seed(seed))
    return [column.bincount(minlength=6) for column in cells.T]


@pytest.mark.parametrize(
    "p_values",
    [
        torch.tensor([p_value_of_counts(*both) for both in zip(counts(300), counts(200, seed=1), strict=True)]),
        smirnov_p_values(sample(300), sample(200, seed=1)),
        torch.tensor([p_value_of_mean(column) for column in sample(300).unbind(1)]),
        torch.tensor([p_value_of_means(*both) for both in zip(sample(300).T, sample(200, seed=1).T, strict=True)]),
    ],
    ids=["counts", "smirnov", "mean", "means"],
)
def test_p_values_are_uniform_if_nothing_differs(p_values):
    for level in (0.05, 0.2, 0.5):
        assert abs((p_values < level).double().mean() - level) < 5 * (level * (1 - level) / TRIALS) ** 0.5 + 0.02


def test_p_values_are_small_if_something_differs():
    one = sample(2000, 3)
    assert smirnov_p_values(one, one[:1000] * 1.6).max() < 1e-4
    assert p_value_of_counts(torch.tensor([300, 200, 100]), torch.tensor([200, 200, 200])) < 1e-4
    assert p_value_of_mean(one[:, 0] + 0.2) < 1e-4
    assert p_value_of_means(one[:, 0], one[:, 1] + 0.2) < 1e-4


def test_smirnov_is_conservative_for_few_values():
    bits = [(sample(300, seed=seed) > 0).double() for seed in (0, 1)]
    assert (smirnov_p_values(*bits) < 0.05).double().mean() < 0.05


def test_projections_depend_on_few_coefficients_each():
    found = projections(torch.eye(50, dtype=torch.float64), torch.ones(50), 12)
    assert set((found != 0).sum(0).tolist()) == {2, 3, 4}
    assert torch.equal(found, projections(torch.eye(50, dtype=torch.float64), torch.ones(50), 12))


# --- shared events ---------------------------------------------------------------------------------------------------


def disjoint(train, valid, test):
    class Given(Dataset):
        """Given splits."""

        name = "given"

        def load(self):
            return Splits(train, valid, test)

    return {check.name: check for check in checks(Given)}["splits_are_disjoint"].run()


def integers(levels, n, coefficients, seed):
    return torch.randint(levels, (n, coefficients), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("levels", "coefficients"), [(2, 3), (2, 10), (3, 6), (256, 1), (20, 4), (2, 200), (1000, 2)])
@pytest.mark.parametrize("n", [12, 100, 1000])
def test_events_that_repeat_by_chance_are_no_defect(levels, coefficients, n):
    for seed in range(4):
        result = disjoint(*integers(levels, n, coefficients, seed).split([n - 2 * (n // 5), n // 5, n // 5]))
        assert result.status == "passed", result.reason


def test_sequences_that_repeat_by_chance_are_no_defect():
    for seed in range(20):
        steps = torch.rand(60, 20, generator=torch.Generator().manual_seed(seed)) < 0.02
        result = disjoint(*(steps.cumsum(1) % 2).split([30, 15, 15]))
        assert result.status == "passed", result.reason


@pytest.mark.parametrize("shared", [1, 3])
def test_single_shared_events_are_a_defect(shared):
    for events in (sample(100, 2), integers(2, 100, 200, 0), integers(256, 100, 16, 0)):
        result = disjoint(events[:60], events[60:80], torch.cat([events[80:], events[10 : 10 + shared]]))
        assert f"{shared} of the {20 + shared} events of test are also in train" in result.reason


def test_a_shared_run_of_events_is_a_defect_however_often_they_repeat():
    events = integers(2, 600, 3, 0)
    assert (
        "successive events of valid are also in train" in disjoint(events[:400], events[370:500], events[500:]).reason
    )
    assert disjoint(events[:400], events[400:500], events[500:]).status == "passed"


def test_sorted_events_are_no_defect():
    events = integers(2, 600, 3, 0)
    assert disjoint(*[part.sort(0).values for part in events.split([400, 100, 100])]).status == "passed"
