"""Large tables are parsed once: a run keeps their numbers, as long as they are those of the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest

from tensorar.runs import parsed
from tensorar_plugins.datasets import table

from .commands import call, done, report

KEPT = "run/parsed.safetensors"


def measurements(n=60):
    chance = np.random.default_rng(0)
    kind = chance.choice(["a", "b", "c"], n)
    frame = pandas.DataFrame({"kind": kind, "x": chance.normal(size=n).round(3), "y": chance.normal(size=n).round(3)})
    frame.loc[::7, "y"] = np.nan
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table that counts as large, and a run on it."""
    folder = tmp_path_factory.mktemp("parsed") / "first"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(parsed, "LEAST_BYTES", 100)
        measurements().to_csv("rows.csv", index=False)
        done("train", "table:path=rows.csv,target=kind", "--backbone", "mlp:hidden=8", "--steps", "2", "--out", "run")
    # so that copies of the run read the table beside them
    return folder.rename(folder.with_name("moved"))


@pytest.fixture
def trained(folder, tmp_path, monkeypatch):
    """A copy of them, and a list of the files that are parsed from now on."""
    shutil.copytree(folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setattr(parsed, "LEAST_BYTES", 100)
    read, found = table.read_table, []
    monkeypatch.setattr(table, "read_table", lambda path, **options: (found.append(path), read(path, **options))[1])
    return found


def nats(*options):
    return report("evaluate", "run", "--split", "train", *options)["nats"]


def test_a_table_is_parsed_once(trained):
    first = nats()
    done("train", "--resume", "run", "--steps", "2")
    done("score", "run", "rows.csv")
    assert trained == []
    Path(KEPT).unlink()
    done("train", "--resume", "run", "--steps", "1")
    assert len(trained) == 1
    assert Path(KEPT).exists()
    assert first == pytest.approx(nats(), abs=2)


def test_numbers_that_are_kept_are_those_of_the_file(trained):
    kept = nats()
    Path(KEPT).unlink()
    assert nats() == kept
    assert len(trained) == 1


def test_the_content_of_the_file_counts_and_not_its_time(trained):
    os.utime("rows.csv", (0, 0))
    nats()
    assert trained == []
    when = Path("rows.csv").stat().st_mtime_ns
    text = Path("rows.csv").read_bytes()
    first, _, last = text.rpartition(b".")
    Path("rows.csv").write_bytes(first + (b".1" if last[:1] != b"1" else b".2") + last[1:])
    os.utime("rows.csv", ns=(when, when))
    nats()
    assert len(trained) == 1


def test_damaged_numbers_are_parsed_again(trained):
    first, content = nats(), bytearray(Path(KEPT).read_bytes())
    content[-5] ^= 1
    for damaged in (bytes(content), b"", bytes(content[:100])):
        Path(KEPT).write_bytes(damaged)
        assert nats() == first
    assert len(trained) == 3


def test_a_table_that_is_gone_is_missed(trained):
    Path("rows.csv").unlink()
    result = call("evaluate", "run")
    assert result.exit_code == 2
    assert "rows.csv" in result.stderr


def test_small_tables_are_not_kept(trained, monkeypatch):
    monkeypatch.setattr(parsed, "LEAST_BYTES", 10**6)
    done("train", "table:path=rows.csv", "--backbone", "mlp:hidden=8", "--steps", "1", "--out", "small")
    assert not Path("small/parsed.safetensors").exists()
