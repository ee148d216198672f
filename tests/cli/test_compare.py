"""``tensorar compare``: the same events, paired errors, baselines as neighbours, and what does not compare."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorar import Run

from .commands import SHORT, call, done, refused, report


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on a table of real numbers, one on its whole numbers."""
    folder = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 1)) + 0.3 * rng.normal(size=(120, 3))
    np.save(folder / "rows.npy", rows)
    np.save(folder / "other.npy", 2 * rows)
    np.save(folder / "bits.npy", (rows > 0).astype(np.uint8))
    np.save(folder / "wide.npy", np.pad(rows, ((0, 0), (1, 0)), constant_values=1) * rng.normal(size=(120, 1)))
    for name, file, backbone in (
        ("a", "rows", "fvsbn"),
        ("b", "rows", "made:hidden=8"),
        ("other", "other", "fvsbn"),
        ("bits", "bits", "fvsbn"),
        ("wide", "wide", "fvsbn"),
    ):
        done("train", f"npy:path={folder}/{file}.npy", "--backbone", backbone, *SHORT, "--out", folder / name)
    return folder


def nats(run, x):
    return -Run.open(run).model.log_prob(x).double()


def test_differences_are_paired(runs):
    found = report("compare", runs / "a", runs / "b", "--against", "first")
    entries = {entry["name"]: entry for entry in found["entries"]}
    x = Run.open(runs / "a").dataset.test
    a, b = nats(runs / "a", x), nats(runs / "b", x)
    assert found["reference"] == str(runs / "a") and found["events"] == len(x)
    one, other = entries[str(runs / "a")], entries[str(runs / "b")]
    assert one["nats"] == pytest.approx(float(a.mean()), abs=1e-4) and one["difference"] is None
    assert other["difference"] == pytest.approx(float((b - a).mean()), abs=1e-4)
    assert other["difference_error"] == pytest.approx(float((b - a).std() / len(x) ** 0.5), abs=1e-4)
    assert other["difference_error"] < other["standard_error"]
    assert one["parameters"] == sum(p.numel() for p in Run.open(runs / "a").model.parameters())
    assert one["seconds"] == Run.open(runs / "a").metrics()[-1]["seconds"]


def test_baselines_are_neighbours_and_the_best_comes_first(runs):
    found = report("compare", runs / "a", runs / "b")
    kinds = [entry["kind"] for entry in found["entries"]]
    assert kinds.count("run") == 2 and kinds.count("baseline") >= 2
    order = [entry["nats"] for entry in found["entries"]]
    assert order == sorted(order)
    names = " ".join(entry["name"] for entry in found["entries"])
    assert "independent coefficients" in names and "Gaussian, full covariance" in names
    printed = done("compare", runs / "a", "--no-baselines").stdout
    assert "differences to" in printed and "Gaussian" not in printed


def test_other_data_is_compared_on_if_it_is_asked_for(runs):
    data = f"npy:path={runs}/other.npy"
    found = report("compare", runs / "a", runs / "other", "--data", data)
    x = Run.open(runs / "other").dataset.test
    entries = {entry["name"]: entry for entry in found["entries"]}
    assert entries[str(runs / "a")]["nats"] == pytest.approx(float(nats(runs / "a", x).mean()), abs=1e-4)
    assert found["notes"][-1] == f"baselines are fitted to the training events of {data}"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a", "other"], "the same test events for all runs"),
        (["a", "bits"], "runs whose likelihoods are densities"),
        (["a", "wide"], "runs of events of shape (3,), as those of a, got (4,) of wide"),
        (["a", "nowhere"], "a run folder"),
        (["a", "--against", "last"], "--against to be one of best, first"),
        (["a", "--data", "toy"], "events of shape (3,)"),
        (["a", "--split", "tset"], "did you mean 'test'?"),
    ],
)
def test_what_does_not_compare_is_refused_in_one_line(runs, monkeypatch, arguments, complaint):
    monkeypatch.chdir(runs)
    assert complaint in refused(call("compare", *arguments))


def test_other_data_is_read_by_the_schema_of_each_run(tmp_path):
    for name, levels in (("one", "abc"), ("two", "abd")):
        rows = [f"{levels[i % 3]},{i * 0.25}" for i in range(60)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["kind,size", *rows]) + "\n")
        done("train", f"table:path={tmp_path}/{name}.csv", "--backbone", "made", *SHORT, "--out", tmp_path / name)
    data = f"table:path={tmp_path}/one.csv"
    assert report("compare", tmp_path / "one", "--data", data)["data"] == data
    assert "'c'" in refused(call("compare", tmp_path / "one", tmp_path / "two", "--data", data))


def test_missing_values_are_noted(tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    rows[::4, 0] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    run = tmp_path / "run"
    done("train", f"npy:path={tmp_path}/rows.npy,missing=true", "--backbone", "made", *SHORT, "--out", run)
    assert "of the 1." in report("compare", run)["notes"][0]


def test_the_process_that_generated_the_data_is_a_neighbour(toy_run):
    found = report("compare", toy_run, "--events", "50")
    exact = report("evaluate", toy_run, "--events", "50")
    entries = {entry["kind"]: entry for entry in found["entries"]}
    assert entries["data"]["nats"] == pytest.approx(exact["data_nats"])
    assert entries["run"]["nats"] == pytest.approx(exact["nats"])
    assert torch.tensor([entries["data"]["nats"]]) < entries["baseline"]["nats"]
