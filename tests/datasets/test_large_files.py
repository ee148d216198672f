"""Arrays that stay in their files: the same events, splits and runs as in memory, read batch by batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tensorar import Dataset, Splits, load_dataset, suggest_heads
from tensorar import events as core_events
from tensorar.events import ChosenEvents, Extremes, StoredEvents, in_chunks, sample_of
from tensorar.training.batches import Batches
from tensorar.utils import permutation
from tensorar.utils.permutation import Permutation
from tensorar_plugins.datasets import npy, zarr_store
from tests.cli.commands import call, report
from tests.datasets.data_errors import check_error

SMALL = ["--backbone", "fvsbn", "--steps", "4", "--batch-size", "16", "--set", "valid_events=20", "--device", "cpu"]


def levels(n=300, shape=(3, 4), dtype=np.uint8, most=7):
    return np.random.default_rng(0).integers(0, most, (n, *shape)).astype(dtype)


@pytest.fixture
def stored(monkeypatch):
    """Every file counts as large."""
    monkeypatch.setattr(npy, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr(zarr_store, "MAX_BYTES_IN_MEMORY", 0)


def write_shards(folder, array, cuts=(70, 70, 200)):
    folder.mkdir()
    for k, part in enumerate(np.split(array, cuts)):
        np.save(folder / f"shard-{k}.npy", part)


def write_zarr(folder, array, key=None):
    import zarr

    zarr.create_array(store=str(folder), name=key, data=array, chunks=(16, *array.shape[1:]))


# --- the same as in memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, ">i4", np.uint16, np.bool_, np.float64, ">f4"])
def test_stored_events_are_those_in_memory(tmp_path, monkeypatch, dtype):
    array = levels(dtype=dtype, most=2)
    np.save(tmp_path / "x.npy", array)
    write_shards(tmp_path / "shards", array)
    write_zarr(tmp_path / "x.zarr", array)
    specs = [f"npy:path={tmp_path}/x.npy", f"npy:path={tmp_path}/shards", f"zarr:path={tmp_path}/x.zarr"]
    expected = [load_dataset(spec).splits for spec in specs]
    monkeypatch.setattr(npy, "MAX_BYTES_IN_MEMORY", 0)
    monkeypatch.setattr(zarr_store, "MAX_BYTES_IN_MEMORY", 0)
    for spec, splits in zip(specs, expected, strict=True):
        dataset = load_dataset(spec)
        for name in ("train", "valid", "test"):
            events, tensor = getattr(dataset, name), getattr(splits, name)
            assert isinstance(events, StoredEvents)
            assert (events.shape, events.dtype) == (tuple(tensor.shape), tensor.dtype)
            rows = torch.randint(len(tensor), (50,), generator=torch.Generator().manual_seed(1))
            assert torch.equal(events[:], tensor)
            assert torch.equal(events[rows], tensor[rows])
            assert torch.equal(events[3:9:2], tensor[3:9:2])
            assert torch.equal(events[5], tensor[5])
        assert torch.equal(splits.train, expected[0].train)


def test_a_run_on_stored_events_is_that_on_a_tensor(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", levels(most=2))
    spec = f"npy:path={tmp_path}/x.npy"
    in_memory = report("train", spec, *SMALL, "--out", tmp_path / "memory")
    monkeypatch.setattr(npy, "MAX_BYTES_IN_MEMORY", 0)
    from_file = report("train", spec, *SMALL, "--out", tmp_path / "file")
    nats = [[row["valid_nats"] for row in run["metrics"]] for run in (in_memory, from_file)]
    assert nats[0] == nats[1]
    found = [report("evaluate", tmp_path / name)["nats"] for name in ("memory", "file")]
    assert found[0] == pytest.approx(found[1])


def test_missing_values_of_stored_events(tmp_path, stored):
    array = levels(dtype=np.float32, most=2)
    array[np.random.default_rng(1).random(array.shape) < 0.2] = np.nan
    np.save(tmp_path / "x.npy", array)
    result = call("train", f"npy:path={tmp_path}/x.npy", *SMALL, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "got NaN; set missing=true" in result.stderr
    spec = f"npy:missing=true,path={tmp_path}/x.npy"
    options = ["--backbone", "mlp:hidden=8,layers=1", "--ordering", "shuffled", *SMALL[2:]]
    report("train", spec, *options, "--out", tmp_path / "run")
    found = report("evaluate", tmp_path / "run")
    assert found["observed"] == pytest.approx(load_dataset(spec).test[:].isfinite().sum() / found["events"])


def test_every_event_once_an_epoch_in_a_resumable_order(tmp_path, stored):
    np.save(tmp_path / "x.npy", np.arange(250)[:, None])
    dataset = load_dataset(f"npy:path={tmp_path}/x.npy")
    batches = Batches(dataset, 20, seed=3)
    drawn = torch.cat([batches[step][0] for step in range(10)])[:, 0]
    assert sorted(drawn.tolist()) == sorted(dataset.train[:][:, 0].tolist())
    assert torch.equal(Batches(dataset, 20, seed=3)[7][0], batches[7][0])
    assert not torch.equal(torch.cat([batches[step][0] for step in range(10, 20)])[:, 0], drawn)


# --- long permutations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 64, 1000, 4097])
def test_long_permutations_are_permutations(monkeypatch, n):
    monkeypatch.setattr(permutation, "MAX_TABLE", 0)
    made = [Permutation(n, torch.Generator().manual_seed(seed))[torch.arange(n)] for seed in (0, 0, 1)]
    assert sorted(made[0].tolist()) == list(range(n))
    assert torch.equal(made[0], made[1])
    assert n < 64 or not torch.equal(made[0], made[2])


def test_long_permutations_look_random(monkeypatch):
    monkeypatch.setattr(permutation, "MAX_TABLE", 0)
    n, draws = 8, 1000
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([Permutation(n, generator)[torch.arange(n)] for _ in range(draws)])
    counts = torch.stack([drawn[:, k].bincount(minlength=n) for k in range(n)]).double()
    assert ((counts - draws / n) ** 2 / (draws / n)).sum() < 49 + 5 * 98**0.5
    long = Permutation(10**9, generator)[torch.arange(20_000)].double()
    assert abs(long.mean() / 1e9 - 0.5) < 5 / (12 * 20_000) ** 0.5
    assert abs(torch.corrcoef(torch.stack([long[:-1], long[1:]]))[0, 1]) < 0.04


# --- statistics -------------------------------------------------------------------------------------------------------


def test_levels_are_those_of_all_events(tmp_path, monkeypatch, stored):
    array = levels()
    array[123, 2, 1] = 11
    np.save(tmp_path / "x.npy", array)
    monkeypatch.setattr(core_events, "SAMPLED_VALUES", 120)
    dataset = load_dataset(f"npy:path={tmp_path}/x.npy")
    assert len(dataset.sampled.train) == 10
    assert str(suggest_heads(dataset)[0]) == "categorical:levels=12"
    assert dataset.sample_note.endswith("found from 10 of the 240 training events")


def test_statistics_of_large_tensors_are_those_of_a_sample(monkeypatch):
    monkeypatch.setattr(core_events, "MAX_VALUES", 1000)
    monkeypatch.setattr(core_events, "SAMPLED_VALUES", 240)
    assert sample_of(torch.zeros(83, 12)).shape == (83, 12)
    assert sample_of(torch.arange(1200).reshape(100, 12))[:, 0].tolist()[::19] == [0, 1188]


@pytest.mark.parametrize("shift", [-10, 0, 10])
def test_extremes_of_chunks(monkeypatch, shift):
    events = shift + torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    events[7] = events[30:80] = torch.nan
    events[200, 1] = torch.nan
    monkeypatch.setattr(core_events, "CHUNK_BYTES", 200)
    extremes = Extremes()
    for chunk in in_chunks(events):
        extremes.add(chunk)
    least, greatest = extremes.events()
    known = events[~events.isnan()]
    assert least.min() == known.min()
    assert greatest.max() == known.max()


def test_events_without_values_have_no_extremes():
    extremes = Extremes()
    extremes.add(torch.full((4, 2), torch.nan))
    assert extremes.events() == []


# --- wrong files ------------------------------------------------------------------------------------------------------


def test_wrong_shards(tmp_path):
    folder = tmp_path / "shards"
    write_shards(folder, levels())
    spec = f"npy:path={folder}"
    np.save(folder / "shard-9.npy", levels(shape=(4, 3)))
    check_error(lambda: load_dataset(spec).splits, "events of shape (3, 4) of uint8", "an array of shape (300, 4, 3)")
    np.save(folder / "shard-9.npy", np.asfortranarray(levels()))
    check_error(lambda: load_dataset(spec).splits, "in Fortran's order; save all shards")
    np.save(folder / "shard-9.npy", levels(dtype=">u2"))
    check_error(lambda: load_dataset(spec).splits, "of uint8 in", "an array of shape (300, 3, 4) of >u2")
    (folder / "shard-9.npy").write_bytes(b"PK")
    check_error(lambda: load_dataset(spec).splits, "shard-9.npy to be a valid .npy")
    (tmp_path / "none").mkdir()
    check_error(lambda: load_dataset(f"npy:path={tmp_path}/none").splits, ".npy files in the folder", "got none")


def test_a_file_that_changes(tmp_path, stored):
    np.save(tmp_path / "x.npy", levels())
    dataset = load_dataset(f"npy:path={tmp_path}/x.npy")
    assert len(dataset.train) == 240
    os.utime(tmp_path / "x.npy", ns=(1, 1))
    check_error(lambda: dataset.train[:2], "x.npy to stay as it was", "another file, written since")
    os.truncate(tmp_path / "x.npy", 500)
    check_error(lambda: load_dataset(f"npy:path={tmp_path}/x.npy").splits, "3600 bytes", "got 372 bytes")


def test_values_that_no_head_takes_are_found_before_training(tmp_path, stored):
    array = levels(dtype=np.float32)
    array[200, 0, 0] = np.inf
    np.save(tmp_path / "x.npy", array)
    check_error(lambda: load_dataset(f"npy:path={tmp_path}/x.npy").sampled, "finite numbers", "got infinity")


def test_zarr_stores(tmp_path, monkeypatch):
    write_zarr(tmp_path / "group.zarr", levels(), "a")
    spec = f"zarr:path={tmp_path}/group.zarr"
    assert load_dataset(spec).train.shape == (240, 3, 4)
    named = load_dataset(f"zarr:axes='time pitch',path={tmp_path}/group.zarr")
    assert named.axis_names == ("time", "pitch")
    np.save(tmp_path / "own.npy", levels(2))
    assert named.read_events(tmp_path / "own.npy", (3, 4)).events.tolist() == levels(2).tolist()
    write_zarr(tmp_path / "group.zarr", levels(50), "b")
    assert load_dataset(f"zarr:key=b,path={tmp_path}/group.zarr").train.shape == (40, 3, 4)
    check_error(lambda: load_dataset(spec).splits, "expected one array", "got a, b; name the array")
    check_error(lambda: load_dataset(f"zarr:key=c,path={tmp_path}/group.zarr").splits, "an array named c")
    check_error(lambda: load_dataset(f"zarr:path={tmp_path}/absent").splits, "absent to be a zarr store")
    write_zarr(tmp_path / "complex.zarr", levels().astype(np.complex64))
    check_error(lambda: load_dataset(f"zarr:path={tmp_path}/complex.zarr").splits, "complex64; convert it")
    monkeypatch.setitem(sys.modules, "zarr", None)
    check_error(lambda: load_dataset(spec).splits, "the package zarr", "pip install tensorar[zarr]")


# --- memory -----------------------------------------------------------------------------------------------------------

CHILD = """
import json, resource, sys
from typer.testing import CliRunner
from tensorar_cli.app import app
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = CliRunner().invoke(app, sys.argv[1:])
json.dump([result.exit_code, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss], sys.stdout)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to measure memory")
def test_training_takes_less_memory_than_the_file(tmp_path):
    n, shape = 600_000, (1, 32, 32)
    with (tmp_path / "x.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (n, *shape)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        file.seek(start + 5000)
        file.write(b"\1")
    # the rest of the file takes no place on the disk
    os.truncate(tmp_path / "x.npy", start + n * 1024)
    command = ["train", f"npy:path={tmp_path}/x.npy", *SMALL, "--out", str(tmp_path / "run")]
    found = subprocess.run([sys.executable, "-c", CHILD, *command], capture_output=True, text=True, timeout=120)
    code, before, most = json.loads(found.stdout)
    assert code == 0
    # kilobytes: half of the 614 MB, with what importing the rest of the library takes
    assert most - before < 450_000


class _OnlyStored(Dataset):
    """Events by number."""

    name = "only_stored"

    def load(self):
        rows = ChosenEvents(torch.arange(40.0).reshape(20, 2), torch.arange(20))
        return Splits(rows, rows, rows)


def test_any_dataset_may_store_its_events():
    dataset = _OnlyStored()
    assert torch.equal(dataset.sampled.train, torch.arange(40.0).reshape(20, 2))
    assert dataset.sampled.test[-2:].tolist() == [[0.0, 1.0], [38.0, 39.0]]
    assert dataset.sample_note == ""
