"""Large tables are parsed once: a run keeps their numbers, as long as they are those of the file."""

from __future__ import annotations

import os

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


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A run on a table that counts as large, and a list of the files that are parsed from now on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parsed, "LEAST_BYTES", 100)
    measurements().to_csv("rows.csv", index=False)
    done("train", "table:path=rows.csv,target=kind", "--backbone", "mlp:hidden=8", "--steps", "2", "--out", "run")
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
    os.remove(KEPT)
    done("train", "--resume", "run", "--steps", "1")
    assert len(trained) == 1
    assert os.path.exists(KEPT)
    assert first == pytest.approx(nats(), abs=2)


def test_numbers_that_are_kept_are_those_of_the_file(trained):
    kept = nats()
    os.remove(KEPT)
    assert nats() == kept
    assert len(trained) == 1


def test_the_content_of_the_file_counts_and_not_its_time(trained):
    os.utime("rows.csv", (0, 0))
    nats()
    assert trained == []
    when = os.stat("rows.csv").st_mtime_ns
    text = open("rows.csv", "rb").read()
    position = text.rindex(b".")
    changed = text[: position + 1] + (b"1" if text[position + 1 : position + 2] != b"1" else b"2") + text[position + 2 :]
    with open("rows.csv", "wb") as file:
        file.write(changed)
    os.utime("rows.csv", ns=(when, when))
    nats()
    assert len(trained) == 1


def test_damaged_numbers_are_parsed_again(trained):
    first, content = nats(), bytearray(open(KEPT, "rb").read())
    content[-5] ^= 1
    for damaged in (bytes(content), b"", bytes(content[:100])):
        with open(KEPT, "wb") as file:
            file.write(damaged)
        assert nats() == first
    assert len(trained) == 3


def test_a_table_that_is_gone_is_missed(trained):
    os.remove("rows.csv")
    result = call("evaluate", "run")
    assert result.exit_code == 2
    assert "rows.csv" in result.stderr


def test_small_tables_are_not_kept(trained, monkeypatch):
    monkeypatch.setattr(parsed, "LEAST_BYTES", 10**6)
    done("train", "table:path=rows.csv", "--backbone", "mlp:hidden=8", "--steps", "1", "--out", "small")
    assert not os.path.exists("small/parsed.safetensors")
