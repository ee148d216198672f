"""Several trainings at once, in processes of their own: each has its folder, and nobody writes to another's."""

import os
import re
import signal
import time
from contextlib import ExitStack

import pytest

from tensorar import Run

from .commands import SHORT, call, contents, done, refused, started

LONG = ["train", "toy:length=8", "--backbone", "mlp:hidden=8", "--device", "cpu", "--minutes", "5"]
LONG += ["--batch-size", "8", "--set", "valid_events=20", "--set", "evaluate_every=20"]


def wait_for(*paths, processes):
    """Wait until the files exist."""
    until = time.monotonic() + 100
    while not all(path.is_file() for path in paths):
        assert all(running.poll() is None for running in processes), [running.communicate() for running in processes]
        assert time.monotonic() < until
        time.sleep(0.01)


# in CI, the campaign of commands at once does the same (tests/reliability)
@pytest.mark.slow
def test_three_trainings_started_at_once_have_three_folders(tmp_path):
    with ExitStack() as stack:
        running = [stack.enter_context(started(*LONG, cwd=tmp_path)) for _ in range(3)]
        folders = [tmp_path / "runs" / name for name in ("toy-mlp", "toy-mlp-2", "toy-mlp-3")]
        wait_for(*(folder / "metrics.jsonl" for folder in folders), processes=running)
        for one in running:
            one.send_signal(signal.SIGTERM)
        printed = [one.communicate(timeout=60) for one in running]
    assert [one.returncode for one in running] == [143] * 3
    assert sorted(re.search(r"--resume (\S+)", out)[1] for out, _ in printed) == [
        str(folder.relative_to(tmp_path)) for folder in folders
    ]
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {
            "recipe.toml",
            "model.safetensors",
            "metrics.jsonl",
            "training",
        }
        steps = [row["step"] for row in Run.open(folder).metrics()]
        assert steps == [20 * (i + 1) for i in range(len(steps))]


def test_a_second_training_in_a_folder_is_refused_until_the_first_is_dead(tmp_path, monkeypatch):
    run = tmp_path / "run"
    with started(*LONG, "--out", "run", cwd=tmp_path) as first:
        wait_for(run / "metrics.jsonl", processes=[first])
        os.kill(first.pid, signal.SIGSTOP)
        before = contents(run)
        seconds = [
            ["train", "--resume", "run", "--device", "cpu"],
            [*LONG, "--out", "run"],
        ]
        for arguments in seconds:
            for rank in ("0", "1"):
                monkeypatch.setenv("RANK", rank)
                assert f"trained by process {first.pid} on" in refused(call(*arguments))
        monkeypatch.delenv("RANK")
        assert contents(run) == before
        first.kill()
        first.wait()
    with started("train", "--resume", "run", "--device", "cpu", cwd=tmp_path) as second:
        steps = len(Run.open(run).metrics())
        until = time.monotonic() + 100
        while len(Run.open(run).metrics()) <= steps and time.monotonic() < until:
            time.sleep(0.05)
        second.send_signal(signal.SIGHUP)
        out, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (129, ""), out
    assert "resume with: tensorar train --resume run" in out
    assert not list(run.rglob("*.lock")) and not list(run.rglob(".*"))


@pytest.mark.parametrize("variables", [{"RANK": "1"}, {"RANK": "1", "WORLD_SIZE": "1"}, {"LOCAL_RANK": "1"}])
def test_stray_variables_of_a_launcher_do_not_overwrite_a_run(bits_run, variables, monkeypatch):
    before = contents(bits_run)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    new = ["toy:length=4,fixed=30", *SHORT, "--out"]
    assert "a folder without a run" in refused(call("train", *new, bits_run))
    assert contents(bits_run) == before
    done("train", *new, "other")
    assert {name: os.environ[name] for name in variables} == variables


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE to be an integer >= 1, got 'x'"),
        (
            {"WORLD_SIZE": "2"},
            "a launcher that starts 2 processes, as the environment variable WORLD_SIZE claims, got one without RANK",
        ),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK to be less than WORLD_SIZE (2), got 2"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "a launcher that starts 2 processes, as the environment variable"),
    ],
)
def test_variables_of_an_incomplete_launcher(variables, message, monkeypatch, tmp_path):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert message in refused(call("train", "toy:length=4,fixed=30", *SHORT))
    assert list(tmp_path.iterdir()) == []
