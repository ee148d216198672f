"""Missing values in the user's own files: declared, they are not observed; otherwise they are errors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tensorar import DataError, Dataset, Splits, build, default_registry, suggest_heads
from tensorar.build import head_for
from tensorar.data_notes import data_notes
from tensorar.missing import fill_missing
from tensorar.testing import checks, values_of
from tensorar_plugins.datasets import Npy, Npz
from tests.datasets.data_errors import check_error
from tests.datasets.user_files import all_events
from tests.part_specs import head_specs

NAN = float("nan")


class InMemory(Dataset):
    """Splits that are given."""

    name = "in_memory"
    missing = True

    def __init__(self, *splits):
        self.given = splits if len(splits) == 3 else splits * 3

    def load(self):
        return Splits(*self.given)


def save(path, array):
    np.save(path, array)
    return path


def test_nan_in_arrays(tmp_path):
    array = np.arange(60.0).reshape(20, 3)
    array[3, 1] = NAN
    path = save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", data=array)
    for declared, undeclared in [
        (Npy(path=path, missing=True), Npy(path=path)),
        (Npz(path=tmp_path / "x.npz", missing=True), Npz(path=tmp_path / "x.npz")),
    ]:
        assert int(all_events(declared).isnan().sum()) == 1
        check_error(lambda some=undeclared: some.train, "got NaN", "set missing=true if they were not observed")


def test_infinity_and_splits_of_nothing_are_errors(tmp_path):
    infinite = save(tmp_path / "infinite.npy", np.array([1.0, 2.0, 3.0, np.inf]))
    check_error(lambda: Npy(path=infinite, missing=True).train, "got infinity")
    nothing = save(tmp_path / "nothing.npy", np.full((5, 2), NAN))
    check_error(lambda: Npy(path=nothing, missing=True).train, "an observed value in the train split", "got NaN only")


def test_a_dataset_without_the_option_names_no_option():
    class Plain(InMemory):
        missing = False

    with pytest.raises(DataError, match="got NaN; remove or fill them"):
        _ = Plain(torch.tensor([[NAN]])).train


# --- the conformance kit ---------------------------------------------------------------------------------------------


def failed_checks(part, **options):
    quick = [check for check in checks(part, **options) if check.name != "same_in_another_process"]
    return [check.name for check in quick if check.run().status == "failed"]


def test_a_file_with_missing_values_passes_the_kit(tmp_path):
    array = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    array[torch.rand(200, 3, generator=torch.Generator().manual_seed(1)) < 0.3] = NAN
    assert failed_checks(Npy, path=str(save(tmp_path / "x.npy", array.numpy())), missing=True) == []


def test_the_kit_sees_that_other_values_are_missing_each_time():
    class Forgetful(Dataset):
        """Loses other values each time."""

        name = "forgetful"
        missing = True

        def load(self):
            x = torch.ones(60, 3)
            x[torch.rand(60, 3) < 0.3] = NAN
            return Splits(*x.split(20))

    assert "deterministic" in failed_checks(Forgetful)


# --- heads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "head"),
    [((0, 1), "bernoulli"), ((0, 1, 4), "categorical:levels=5"), ((-3, 0.5), "categorical:values=auto")],
)
def test_heads_are_suggested_from_what_was_observed(levels, head):
    x = torch.tensor(levels * 20, dtype=torch.float64).reshape(20, -1)
    x[::3, 0] = NAN
    dataset = InMemory(x)
    assert str(suggest_heads(dataset)[0]) == head
    made = head_for(default_registry().create("head", head), dataset)
    made.check(x, known=~x.isnan())


def test_filled_values_were_observed():
    x = torch.tensor([[1.0, NAN, NAN], [2.0, NAN, 7.0], [4.0, NAN, 9.0]])
    filled = fill_missing(x)
    assert not filled.isnan().any()
    assert set(filled.flatten().tolist()) == {1, 2, 4, 7, 9}
    complete = x[:, :1]
    assert fill_missing(complete) is complete
    assert torch.equal(filled[~x.isnan()], x[~x.isnan()])


def data_of(head, shape):
    """Values of the data in float64."""
    return head.restore(values_of(head, shape, 0).double(), torch.arange(shape[1]))


def made_from(spec, x):
    """What a head finds in events: its state, and the marginals of its standard values."""
    head = default_registry().create("head", spec).for_data(x)
    marginal = head.marginal_parameters(head.standardize(x, torch.arange(x.shape[1])))
    return head.data_state(), marginal


@pytest.mark.parametrize("spec", [*head_specs(), "categorical:values=auto", "logistic_mixture:levels=auto"])
def test_heads_find_the_same_as_in_events_without_the_missing_ones(spec):
    head = default_registry().create("head", spec if "auto" not in spec else "categorical:levels=3")
    x = data_of(head, (12, 3))
    with_missing = torch.full((20, 3), NAN, dtype=torch.float64)
    with_missing[torch.arange(12) + 3] = x
    (state, marginal), (expected_state, expected) = made_from(spec, with_missing), made_from(spec, x)
    for name, tensor in expected_state.items():
        torch.testing.assert_close(state[name], tensor)
    assert (marginal is None) == (expected is None)
    if expected is not None:
        torch.testing.assert_close(marginal, expected)


@pytest.mark.parametrize("spec", ["gaussian", "student_t", "negative_binomial", "poisson", "bernoulli", "beta"])
def test_the_marginal_of_each_coefficient_is_that_of_its_observed_values(spec):
    head = default_registry().create("head", spec)
    x = data_of(head, (12, 2))
    some = torch.where(torch.arange(12)[:, None] % torch.tensor([2, 3]) == 0, NAN, x)
    marginal = head.marginal_parameters(some)
    for i in range(2):
        alone = some[~some[:, i].isnan(), i].unsqueeze(1)
        torch.testing.assert_close(marginal[i], head.marginal_parameters(alone)[0])


@pytest.mark.parametrize("spec", [*head_specs(), "categorical:values=auto"])
def test_a_coefficient_that_is_never_observed_is_handled_and_noted(spec):
    head = default_registry().create("head", spec if "auto" not in spec else "categorical:levels=3")
    x = data_of(head, (12, 3))
    unseen = x.clone()
    unseen[:, 1] = NAN
    dataset = InMemory(unseen, x, x)
    model = build((3,), "shuffled", spec, "made:hidden=4", data=dataset)
    model.init_from_marginals(unseen)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert model.log_prob(dataset.observed(unseen)).isfinite().all()
    assert model.log_prob(x).isfinite().all()
    notes = data_notes(model.head, unseen)
    assert "33.3 % of the training values are missing: nats are those of what was observed of an event" in notes
    assert "never observed in the training events, so not learned: coefficient 1" in notes


@pytest.mark.parametrize("grouping", ["shared", "channel", "column", "coefficient", "auto"])
def test_units_are_those_of_the_observed_values(grouping):
    x = torch.randn(50, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1, 9, 90]
    )
    x[torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.4] = NAN
    head = default_registry().create("head", f"gaussian:units={grouping}").for_data(x)
    standard = head.standardize(x, torch.arange(6).reshape(2, 3))
    groups = {"shared": (0, 1, 2), "channel": (0, 2), "column": (0, 1), "auto": (0, 1), "coefficient": (0,)}[grouping]
    mean = standard.nanmean(groups)
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-9)
    spread = (standard - standard.nanmean(groups, keepdim=True)).square().nanmean(groups)
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=0, atol=1e-9)


def test_notes_count_observed_values_only():
    x = torch.linspace(0, 1, 100, dtype=torch.float64).repeat_interleave(2).reshape(-1, 1) + 0.001
    x[::4] = NAN
    head = default_registry().create("head", "gaussian").for_data(x)
    notes = dict(itertools.zip_longest(["missing", "repeated"], data_notes(head, x)))
    # 50 of the 150 observed values have lost their twin
    assert notes["repeated"].startswith("66.7 % of the values repeat")
    outlier = torch.cat([x, torch.full((1, 1), 1e12, dtype=torch.float64)])
    assert any("0.662 % of the values are outliers" in note for note in data_notes(head, outlier))
