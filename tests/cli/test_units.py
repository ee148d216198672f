"""Data of any size from the shell: likelihoods and samples in the data's units, and the notes about them."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from tests.cli.commands import SHORT, call, done, refused, report


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def _train(path, values, *options):
    np.save(path / "x.npy", values)
    run = path / "run"
    result = done("train", f"npy:path={path / 'x.npy'}", "--backbone", "fvsbn", "--out", run, *SHORT, *options)
    return run, result.output


def test_columns_of_different_sizes(tmp_path, generator):
    rows = np.stack([generator.normal(0.5, 0.1, 400), np.exp(generator.normal(10, 1, 400))], 1)
    with (tmp_path / "table.csv").open("w") as file:
        csv.writer(file).writerows([("rate", "income"), *rows.tolist()])
    run = tmp_path / "run"
    done("train", f"table:path={tmp_path / 'table.csv'}", "--backbone", "fvsbn", "--out", run, *SHORT)
    assert report("evaluate", run, "--device", "cpu")["nats"] < 13
    done("sample", run, "-n", "50", "--out", tmp_path / "s.npy", "--device", "cpu")
    drawn = np.load(tmp_path / "s.npy")
    assert np.abs(drawn[:, 0] - 0.5).max() < 2 and drawn[:, 1].std() > 1e3
    recipe = (run / "recipe.toml").read_text()
    assert "head.safetensors" in recipe, "normal scores have many numbers"


def test_many_units_are_kept_in_a_file_of_the_run(tmp_path, generator):
    run, _ = _train(tmp_path, 1e12 + 1e3 * generator.normal(size=(60, 40)))
    assert "head.safetensors" in (run / "recipe.toml").read_text()
    nats = report("evaluate", run, "--device", "cpu")["nats"]
    assert 40 * 7 < nats < 40 * 11
    done("train", "--resume", run)
    (run / "head.safetensors").unlink()
    assert "head.safetensors" in refused(call("evaluate", run))


@pytest.mark.parametrize("scale", [1e-300, 1e-25, 1e22, 1e40, 1e300])
def test_numbers_of_any_size(tmp_path, generator, scale):
    run, _ = _train(tmp_path, generator.normal(3, 1, (200, 2)) * scale)
    nats = report("evaluate", run, "--device", "cpu")["nats"]
    assert nats - 2 * math.log(scale) == pytest.approx(2 * 1.419, abs=1.5)
    done("sample", run, "-n", "20", "--out", tmp_path / "s.npy", "--device", "cpu")
    assert 0 < np.abs(np.load(tmp_path / "s.npy") / scale).max() < 100
    done("inpaint", run, "--events", "2", "--completions", "2", "--evidence", "left half", "--device", "cpu")
    done("posterior", run, "--device", "cpu")


def test_spins_get_probabilities(tmp_path, generator):
    run, output = _train(tmp_path, generator.integers(0, 2, (200, 6)) * 2 - 1)
    assert "categorical:values=auto" in output and "note" not in output
    assert report("evaluate", run, "--device", "cpu")["nats"] == pytest.approx(6 * math.log(2), abs=0.3)
    done("sample", run, "-n", "20", "--out", tmp_path / "s.npy", "--device", "cpu")
    assert set(np.unique(np.load(tmp_path / "s.npy"))) == {-1.0, 1.0}
    done("sample", run, "-n", "20", "--temperature", "0.5", "--top-k", "1", "--device", "cpu")
    done("posterior", run, "--device", "cpu")


def test_samples_keep_all_their_digits(tmp_path, generator):
    run, _ = _train(tmp_path, 1.7e9 + generator.random((100, 1)))
    for name in ("s.npy", "s.csv"):
        done("sample", run, "-n", "30", "--out", tmp_path / name, "--device", "cpu")
    text = np.loadtxt(tmp_path / "s.csv", ndmin=2)
    assert np.array_equal(text, np.load(tmp_path / "s.npy")) and len(np.unique(text)) == 30


def test_fill_values_are_refused_with_their_share(tmp_path, generator):
    values = generator.normal(size=(400, 3))
    values[::40, 1] = 9.96921e36
    np.save(tmp_path / "x.npy", values)
    line = refused(call("train", f"npy:path={tmp_path / 'x.npy'}", "--head", "gaussian", *SHORT))
    assert "9.96921e+36 in coefficient 1" in line and "% of the values are outliers" in line
    assert "no head is suggested for these values" in line


def test_notes_come_before_the_training(tmp_path, generator):
    _, output = _train(tmp_path, np.stack([generator.normal(size=300), np.arange(300) // 3 + 0.5], 1))
    assert output.index("note: ") < output.index("training fvsbn on")
    assert "values repeat (coefficient 1)" in output


def test_impossible_events_end_an_evaluation(tmp_path, generator):
    run, _ = _train(tmp_path, generator.normal(size=(100, 2)))
    np.save(tmp_path / "far.npy", np.full((100, 2), 1e30))
    line = refused(call("evaluate", run, "--data", f"npy:path={tmp_path / 'far.npy'}", "--device", "cpu"))
    assert "within" in line and "1e+30" in line
