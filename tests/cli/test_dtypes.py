"""What a command writes as an array has the dtype of the data it was trained on, where that holds the values."""

import numpy as np
import pytest
import torch

from tensorar import Run
from tensorar.runs.recipe import read_recipe
from tensorar.workflows.data_dtype import in_data_dtype
from tests.cli.commands import call, done
from tests.runs.helpers import write_recipe

SHORT = ["--steps", "2", "--batch-size", "8", "--set", "valid_events=8", "--device", "cpu"]
INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def trained(folder, data, *more):
    done("train", data, *SHORT, *more, "--out", folder / "run")
    return folder / "run"


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_and_completions_have_the_dtype_of_the_file(tmp_path, dtype, generator):
    levels = generator.integers(0, 2 if dtype == "bool" else 3, (60, 4))
    np.save(tmp_path / "x.npy", (levels + 0.25 * generator.random((60, 4)) * ("float" in dtype)).astype(dtype))
    run = trained(tmp_path, f"npy:path={tmp_path}/x.npy", "--backbone", "fvsbn")
    for command in (["sample", run, "-n", "5"], ["inpaint", run, "--events", "2", "--evidence", "left half"]):
        result = done(*command, "--out", tmp_path / "y.npy", "--device", "cpu")
        assert np.load(tmp_path / "y.npy").dtype == dtype
        assert "note" not in result.stdout


def test_archives_and_series_and_folders(tmp_path, generator):
    x = generator.integers(0, 5, (60, 4)).astype("uint16")
    np.savez(tmp_path / "x.npz", train=x)
    np.save(tmp_path / "s.npy", x[:, 0])
    (tmp_path / "shards").mkdir()
    np.save(tmp_path / "shards" / "a.npy", x)
    for name, spec in (
        ("npz", f"npz:path={tmp_path}/x.npz"),
        ("shards", f"npy:path={tmp_path}/shards"),
        ("series", f"series:path={tmp_path}/s.npy,window=4"),
    ):
        (tmp_path / f"of-{name}").mkdir()
        run = trained(tmp_path / f"of-{name}", spec, "--backbone", "fvsbn", "--head", "categorical:levels=5")
        done("sample", run, "-n", "5", "--out", tmp_path / "y.npy", "--device", "cpu")
        assert np.load(tmp_path / "y.npy").dtype == "uint16", name
    done("forecast", run, "--horizon", "3", "--draws", "5", "--out", tmp_path / "f.npy", "--device", "cpu")
    assert np.load(tmp_path / "f.npy").dtype == "uint16"


def test_values_that_the_dtype_does_not_hold_are_said(tmp_path, generator):
    np.save(tmp_path / "x.npy", generator.integers(0, 9, (60, 4)).astype("uint8"))
    run = trained(tmp_path, f"npy:path={tmp_path}/x.npy", "--backbone", "fvsbn", "--head", "gaussian")
    said = done("sample", run, "-n", "5", "--out", tmp_path / "y.npy", "--device", "cpu").stdout
    assert np.load(tmp_path / "y.npy").dtype == "float64"
    assert "note: written as float64: uint8, the dtype of the data, does not hold all values" in said


def test_a_run_that_does_not_say_its_dtype(tmp_path):
    run = trained(tmp_path, "toy:length=8,fixed=40", "--backbone", "fvsbn")
    recipe, provenance = read_recipe(run / "recipe.toml")
    assert provenance.pop("dtype") == "int64"
    write_recipe(run, recipe, provenance, Run.open(run).registry)
    result = call("sample", run, "-n", "5", "--out", tmp_path / "y.npy", "--device", "cpu")
    assert f"note: written as float32: {run} does not say which dtype its data have" in result.stdout.replace("\n", " ")
    assert np.load(tmp_path / "y.npy").dtype == "float32"


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_the_ends_of_the_integers(dtype):
    class Described:
        folder = "run"

    Described.dtype = dtype
    low, high = (0, 1) if dtype == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    ends = np.array([low, high], np.float64)
    inside = np.array([low, np.nextafter(float(high) + 1, 0) // 1])
    for values, held in (
        (inside, True),
        (ends - np.array([1e4, 0]), False),
        (ends + np.array([0, 1e4]), False),
        ([0.5], False),
    ):
        written, note = in_data_dtype(Described, torch.tensor(np.array(values, np.float64)))
        assert (written.dtype == dtype, note == "") == (held, held)
    assert in_data_dtype(Described, torch.tensor([torch.nan]))[1]
