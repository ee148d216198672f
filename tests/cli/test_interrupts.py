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

STEPS = 300
TRAIN = ["train", "toy:length=8", "--backbone", "mlp:hidden=8,dropout=0.1", "--device", "cpu", "--steps", STEPS]
TRAIN += ["--batch-size", "16", "--set", "valid_events=20", "--set", "evaluate_every=50"]
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
    assert 50 <= json.loads(metadata["state"])["step"] < STEPS, "the test needs an unfinished training"
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
    assert result["metrics"][0]["step"] == 50
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


ENDLESS = '''
import hashlib, os
from dataclasses import dataclass
from pathlib import Path
import torch
from tensorar import Dataset, Splits, hookimpl

class Endless(Dataset):
    """Bits, of which the fourth batch takes an hour in one call."""
    name = "endless"
    drawn = 0

    def load(self):
        bits = torch.arange(64)[:, None] >> torch.arange(6) & 1
        return Splits(bits, bits, bits)

    def draw(self, indices, generator):
        type(self).drawn += 1
        # the first batch is also drawn to measure the cost
        if self.drawn > 4 and not os.environ.get("ENDS"):
            Path("drawing").touch()
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
        return self.train[indices]

@hookimpl
def tensorar_datasets():
    return [Endless]
'''


def in_an_endless_step(folder):
    (folder / "endless.py").write_text(ENDLESS)
    options = ["--steps", "6", "--batch-size", "8", "--set", "valid_events=8", "--device", "cpu", "--out", "run"]
    return started("train", "endless", "--backbone", "fvsbn", *options, "--plugin", "endless.py", cwd=folder)


def until_it_draws(running, folder):
    until = time.monotonic() + 60
    while not (folder / "drawing").exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)


def test_a_step_that_does_not_end_is_left_and_the_one_before_it_is_saved(tmp_path):
    with in_an_endless_step(tmp_path) as running:
        until_it_draws(running, tmp_path)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 143, (out, err)
    assert err == "interrupted in a step and saved; resume with: tensorar train --resume run\n"
    _, metadata = read_tensors(tmp_path / "run" / CHECKPOINT_FILES[1])
    assert json.loads(metadata["state"])["step"] == 3
    resume = ["train", "--resume", "run", "--device", "cpu", "--plugin", "endless.py"]
    assert process(*resume, cwd=tmp_path, ENDS="yes").returncode == 0
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(rows[-1])["step"] == 6


@pytest.mark.slow
def test_a_second_signal_ends_a_step_at_once(tmp_path):
    with in_an_endless_step(tmp_path) as running:
        until_it_draws(running, tmp_path)
        running.send_signal(signal.SIGTERM)
        running.send_signal(signal.SIGHUP)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 129, (out, err)
    assert err == "error: ended by a second signal; files that were complete are kept\n"
