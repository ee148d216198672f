"""Ctrl-C and SIGTERM during training: it saves, prints how to resume, and resumes to the same weights."""

import json
import re
import shlex
import signal
import time

import pytest

from tensorar import Run
from tensorar.runs.tensors import read_tensors

from .commands import process, process_after, started

STEPS = 600
TRAIN = ["train", "toy:length=8", "--backbone", "mlp:hidden=8,dropout=0.1", "--device", "cpu", "--steps", STEPS]
TRAIN += ["--batch-size", "16", "--set", "valid_events=20", "--set", "evaluate_every=100"]
CHECKPOINT_FILES = ("model.safetensors", "training/state.safetensors")


def interrupted(running, number, metrics):
    """Send a signal after the first evaluation; return the exit code, the output and the errors."""
    until = time.monotonic() + 60
    while not metrics.is_file() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    return running.returncode, out, err


def same_weights(one, other):
    for name in CHECKPOINT_FILES:
        expected, got = read_tensors(one / name)[0], read_tensors(other / name)[0]
        assert expected.keys() == got.keys()
        assert all(got[key].equal(expected[key]) for key in expected), name


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert process(*TRAIN, "--out", "run", cwd=folder).returncode == 0
    return folder / "run"


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
def test_an_interrupted_training_saves_and_resumes_to_the_same_weights(tmp_path, uninterrupted, number, code):
    with started(*TRAIN, "--out", "a run", cwd=tmp_path) as running:
        got, out, err = interrupted(running, number, tmp_path / "a run" / "metrics.jsonl")
    assert (got, err) == (code, ""), out
    command = re.search(r"^interrupted and saved; resume with: tensorar (.*)$", out, flags=re.MULTILINE)[1]
    _, metadata = read_tensors(tmp_path / "a run" / CHECKPOINT_FILES[1])
    assert 100 <= json.loads(metadata["state"])["step"] < STEPS, "the test needs an unfinished training"
    resumed = process(*shlex.split(command), "--device", "cpu", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    same_weights(uninterrupted, tmp_path / "a run")
    rows = [[row["valid_nats"] for row in Run.open(folder).metrics()] for folder in (uninterrupted, tmp_path / "a run")]
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_an_interrupt_with_json_is_still_one_object(tmp_path):
    with started(*TRAIN, "--out", "run", "--json", cwd=tmp_path) as running:
        code, out, err = interrupted(running, signal.SIGINT, tmp_path / "run" / "metrics.jsonl")
    assert code == 130
    result = json.loads(out)
    assert result["interrupted"] is True
    assert result["metrics"][0]["step"] == 100
    assert "resume with: tensorar train --resume run" in err


@pytest.mark.slow
def test_a_training_that_is_killed_at_once_can_be_resumed(tmp_path, uninterrupted):
    with started(*TRAIN, "--out", "run", cwd=tmp_path) as running:
        until = time.monotonic() + 60
        while not (tmp_path / "run" / "recipe.toml").is_file() and time.monotonic() < until:
            time.sleep(0.002)
        running.kill()
        running.wait()
    assert process("train", "--resume", "run", "--device", "cpu", cwd=tmp_path).returncode == 0
    same_weights(uninterrupted, tmp_path / "run")


def test_an_interrupt_before_the_training_ends_at_once(tmp_path):
    # as at a terminal: what a shell starts in the background, tests too, ignores Ctrl-C
    code = (
        "import os, signal, tensorar.workflows as w\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "w.train = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)"
    )
    ended = process_after(code, "train", "toy", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (130, "error: ended by Ctrl-C; files that were complete are kept\n")
    assert list(tmp_path.iterdir()) == []
