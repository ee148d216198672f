"""Trainings that are killed or interrupted, and resumed to the weights of an uninterrupted training."""

from __future__ import annotations

import json
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .file_trials import tensors_digest
from .judge import Tally, Verdict, judge
from .processes import Outcome
from .stage import Stage

TRAIN = ["train", "npy:path=bits.npy", "--backbone", "mlp:hidden=8,dropout=0.1", "--steps", "24", "--batch-size", "8"]
TRAIN += ["--set", "valid_events=8", "--set", "evaluate_every=2", "--device", "cpu"]
RESUME = ["train", "--resume", "run", "--device", "cpu"]
# at the n-th call of a function of os that changes files, or at a step, the process gets a signal
AT_CALL = """
import os, signal
calls = [0]
def counting(function):
    def call(*arguments, **options):
        calls[0] += 1
        if calls[0] == {number} and not {after}:
            os.kill(os.getpid(), {signal})
        result = function(*arguments, **options)
        if calls[0] == {number} and {after}:
            os.kill(os.getpid(), {signal})
        return result
    return call
for name in {functions}:
    setattr(os, name, counting(getattr(os, name)))
"""
AT_STEP = """
import os, signal
from tensorar import workflows
def stopping(train):
    def call(*arguments, on_update, **options):
        def update(progress):
            on_update(progress)
            if progress.state.step == {step}:
                os.kill(os.getpid(), {signal})
        return train(*arguments, on_update=update, **options)
    return call
workflows.train, workflows.resume = stopping(workflows.train), stopping(workflows.resume)
"""
FUNCTIONS = ["fsync", "replace", "rename", "link", "unlink", "mkdir", "open", "write", "truncate", "ftruncate", "rmdir"]
GRACEFUL = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Expected:
    """What an uninterrupted training leaves, and how long it takes by the clock."""

    result: dict[str, Any]
    seconds: float


def try_kills(stage: Stage, trials: int, seed: int) -> Tally:
    """Kill trainings, some of them several times, and resume them."""
    tally, expected = Tally(), uninterrupted(stage)
    for number in range(trials):
        outcome, verdict = try_kill(stage, random.Random(f"{seed} {number}"), expected)
        tally.add(outcome, verdict, f"{seed} {number}")
    return tally


def uninterrupted(stage: Stage) -> Expected:
    """Train without interruption."""
    started = time.monotonic()
    ended = stage.start([*TRAIN, "--out", "run"]).wait()
    seconds, found = time.monotonic() - started, result_of(stage.folder / "run")
    stage.restore()
    if ended.code:
        raise RuntimeError(f"the training fails: {ended.err}")
    return Expected(found, seconds)


def result_of(run: Path) -> dict[str, Any]:
    """The weights, the state, the metrics but their clock, and the names of the files."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    files = sorted(str(path.relative_to(run)) for path in run.rglob("*"))
    digests = [tensors_digest(run / name) for name in ("model.safetensors", "training/state.safetensors")]
    return {"digests": digests, "metrics": [row | {"seconds": None} for row in rows], "files": files}


def try_kill(stage: Stage, chance: random.Random, expected: Expected) -> tuple[Outcome, Verdict]:
    """One to four kills, each followed by an attempt to go on; at last the result is that of an uninterrupted run."""
    faults: list[str] = []
    kills = chance.choice((1, 1, 2, 4))
    command = [*TRAIN, "--out", "run"]
    for _ in range(kills):
        outcome = _killed(stage, chance, expected, command)
        faults += _end_faults(outcome)
        command = _next_command(stage, faults)
    if len(list(stage.root.rglob(".*"))) > 2:
        faults.append("a pile of hidden files")
    last = stage.start(command).wait()
    last.arguments = outcome.arguments
    last.changes = stage.changes()
    if last.code:
        faults.append("a killed training cannot be resumed")
    elif (found := result_of(stage.folder / "run")) != expected.result:
        differing = [key for key in found if found[key] != expected.result[key]]
        faults.append(f"others than of an uninterrupted training: {', '.join(differing)}")
    stage.restore()
    return last, Verdict("unexpected", tuple(faults)) if faults else Verdict("worked")


def _killed(stage: Stage, chance: random.Random, expected: Expected, command: list[str]) -> Outcome:
    """Run a training with a signal at some moment."""
    number = chance.choice((signal.SIGKILL, signal.SIGKILL, *GRACEFUL))
    how = chance.choice(("time", "call", "call", "step"))
    prelude = ""
    if how == "call":
        chosen = chance.sample(FUNCTIONS, chance.choice((1, 2, len(FUNCTIONS))))
        prelude = AT_CALL.format(
            number=chance.choice((1, 2, 3, 5, 8, 20, 40)),
            after=chance.random() < 0.5,
            signal=int(number),
            functions=chosen,
        )
    elif how == "step":
        prelude = AT_STEP.format(step=chance.randrange(1, 25), signal=int(number))
    child = stage.start(command, prelude=prelude)
    if how == "time":
        child.ended(60, chance.random() * 1.2 * expected.seconds)
        child.send(number)
    outcome = child.wait()
    outcome.arguments = [*outcome.arguments, f"# {number.name} at a {how} {prelude[-60:] if how == 'call' else ''}"]
    return outcome


def _end_faults(outcome: Outcome) -> list[str]:
    """Faults of how a killed training ended: it may have ended before the signal."""
    allowed = (0, -9, *(-number for number in GRACEFUL), *(128 + number for number in GRACEFUL))
    faults = [] if outcome.code in allowed else [f"exit code {outcome.code} of a killed training"]
    if "Traceback" in outcome.err or "internal error" in outcome.err:
        faults.append("a traceback of a killed training")
    # a step that is also evaluated reports twice, and gets a second signal
    ends = ("ended by SIG", "ended by Ctrl", "ended by a second signal")
    explained = "interrupted and saved" in outcome.out or any(end in outcome.err for end in ends)
    if outcome.code > 128 and not explained:
        faults.append("the end is not explained")
    return faults


def _next_command(stage: Stage, faults: list[str]) -> list[str]:
    """How to go on: resume if there is something to resume, else begin again; sampling never fails badly."""
    sampled = stage.start(["sample", "run", "-n", "2", "--out", "x.npy"]).wait()
    (stage.folder / "x.npy").unlink(missing_ok=True)
    faults += [f"sampling from a killed run: {fault}" for fault in judge(sampled).faults]
    if not (stage.folder / "run" / "recipe.toml").is_file():
        refused = stage.start(RESUME).wait()
        faults += [f"resuming a killed run: {fault}" for fault in judge(refused).faults]
        return [*TRAIN, "--out", "run"]
    return RESUME
