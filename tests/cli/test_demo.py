"""``tensorar demo``, as a short real process."""

import json

import pytest

from .commands import call, process, refused


def test_the_demo_trains_evaluates_draws_and_lists_its_files(tmp_path):
    result = process("demo", "--minutes", "0.02", "--device", "cpu", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["run"] == "runs/demo"
    names = ["sequences.png", "posterior.png", "training.png"]
    assert report["pictures"] == [f"runs/demo/{name}" for name in names]
    for name in names:
        assert (tmp_path / "runs" / "demo" / name).read_bytes().startswith(b"\x89PNG")
        assert f"runs/demo/{name}" in result.stderr
    assert report["exact"] is True
    assert report["events"] == 1000
    assert report["data_nats"] == pytest.approx(11.95, abs=0.3)
    assert report["data_nats"] < report["nats"] < 134, "better than guessing among 64 values"


def test_a_demo_needs_time(tmp_path):
    assert "minutes to be a positive number, at most 1e+15, got 0.0" in refused(call("demo", "--minutes", "0"))
    assert list(tmp_path.iterdir()) == []
