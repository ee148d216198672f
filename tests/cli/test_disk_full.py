"""Read-only folders and full disks are reported in one line; existing files stay intact."""

import errno
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from .commands import SHORT, call, contents, done, process, refused, report

WRITING = {
    "train": lambda run, out: ["train", "--recipe", run / "recipe.toml", "--device", "cpu", "--out", out],
    "sample": lambda run, out: ["sample", run, "--out", out / "x.npy"],
    "sample a picture": lambda run, out: ["sample", run, "-n", "4", "--out", out / "x.png"],
    "inpaint": lambda run, out: ["inpaint", run, "--out", out / "x.csv"],
    "posterior": lambda run, out: ["posterior", run, "--steps", "1", "--out", out / "x.png"],
    "order show": lambda run, out: ["order", "show", "raster", "--shape", "3", "--out", out / "x.png"],
}


@pytest.mark.parametrize("command", WRITING)
def test_a_file_instead_of_a_folder(command, bits_run, tmp_path):
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    message = refused(call(*WRITING[command](bits_run, tmp_path / "file" / "below")))
    assert "got a file, not a folder; choose another folder" in message
    assert contents(tmp_path) == before


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc is where even the superuser cannot write")
def test_a_read_only_folder(bits_run):
    out = Path("/proc/self/tensorar")
    assert "expected to write /proc/self/tensorar/x.npy, got " in refused(call(*WRITING["sample"](bits_run, out)))
    assert "expected to write /proc/self/tensorar/training" in refused(call(*WRITING["train"](bits_run, out)))


def test_the_folder_of_a_run_is_not_overwritten(bits_run, tmp_path):
    before = contents(tmp_path)
    message = refused(call("train", "toy", "--out", bits_run))
    assert f"a folder without a run, got the run in {bits_run}; resume it with --resume" in message
    assert contents(tmp_path) == before


def _failing(number):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))

    return fsync


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("command", WRITING)
def test_a_full_or_read_only_disk(command, number, bits_run, tmp_path, monkeypatch):
    before = contents(tmp_path)
    monkeypatch.setattr(os, "fsync", _failing(number))
    message = refused(call(*WRITING[command](bits_run, tmp_path / "new" / "folder")))
    assert f"got {os.strerror(number)}; choose another folder, free disk space" in message
    monkeypatch.undo()
    assert contents(tmp_path) == before


def test_a_disk_that_fills_up_during_training(bits, tmp_path, monkeypatch):
    train = ["train", f"npy:path={bits}", *SHORT, "--set", "evaluate_every=1"]
    expected = report(*train, "--out", "whole")["metrics"]
    real, synced = os.fsync, []

    def fsync(descriptor):
        synced.append(descriptor)
        # the first state and the recipe; weights and state of step 1; the weights of step 2 no more
        return real(descriptor) if len(synced) <= 4 else _failing(errno.ENOSPC)(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert "got No space left on device" in refused(call(*train, "--out", "run"))
    monkeypatch.setattr(os, "fsync", real)
    assert {path.name for path in Path("run").rglob("*")} == {
        "recipe.toml",
        "training",
        "state.safetensors",
        "model.safetensors",
        "metrics.jsonl",
    }
    done("evaluate", "run")
    rows = report("train", "--resume", "run", "--device", "cpu")["metrics"]
    assert [row["valid_nats"] for row in rows] == [row["valid_nats"] for row in expected]


@pytest.fixture
def tiny_disk():
    """A file system of 64 KiB."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
        try:
            mounted = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no mount")
        if mounted.returncode:
            pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def test_a_full_disk(tiny_disk, bits, tmp_path):
    wide = ["train", f"npy:path={bits}", "--backbone", "mlp:hidden=256", *SHORT, "--out", tiny_disk / "a" / "run"]
    message = refused(process(*wide, cwd=tmp_path))
    assert "got No space left on device; choose another folder, free disk space" in message
    assert list(tiny_disk.iterdir()) == []
