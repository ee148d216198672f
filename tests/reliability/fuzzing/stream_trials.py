"""Commands whose standard output is closed, full, unread or ASCII keep what they compute, and explain their end."""

from __future__ import annotations

import os
import random
import subprocess

from .judge import Tally, Verdict, judge
from .processes import Outcome, real_process
from .stage import SHORT, Stage

OUTPUTS = ("closed", "full", "pipe", "ascii")
COMMANDS = (
    ["train", "npy:path=bits.npy", "--backbone", "mlp:hidden=8", *SHORT, "--out", "é"],
    ["train", "--resume", "stopped", "--device", "cpu"],
    ["evaluate", "bits"],
    ["sample", "bits", "-n", "2", "--out", "é.png"],
    ["sample", "bits", "-n", "2", "--out", "x.csv"],
    ["inpaint", "bits", "--events", "2", "--out", "x.npy"],
    ["posterior", "toy", "--steps", "1", "--out", "日本.png"],
    ["order", "show", "raster", "--shape", "3,3", "--out", "x.png"],
    ["plugins", "list"],
    ["plugins", "show", "raster"],
    ["plugins", "new", "head", "mine"],
    ["--version"],
    ["train", "--help"],
    ["train", "日本"],
)
LOST = "note: standard output failed"
# one of so many trials runs in a new interpreter, which takes seconds
REAL = 20


def try_streams(stage: Stage, trials: int, seed: int) -> Tally:
    """Commands with an odd standard output, compared with the same command with a file."""
    tally = Tally()
    for number in range(trials):
        chance = random.Random(f"{seed} {number}")
        command, output = [*chance.choice(COMMANDS)], OUTPUTS[number % len(OUTPUTS)]
        if chance.random() < 0.5 and command[0] != "--version" and "--help" not in command:
            command.append("--json")
        real = number % REAL == REAL - 1
        outcome, verdict = _real(stage, command, output) if real else _forked(stage, command, output)
        tally.add(outcome, verdict, f"{seed} {number}: {output}")
    return tally


def _forked(stage: Stage, command: list[str], output: str) -> tuple[Outcome, Verdict]:
    expected = stage.run(command)
    outcome = stage.start(command, output=output).wait()
    outcome.changes = stage.changes()
    stage.restore()
    return outcome, _verdict(expected, outcome, output)


def _real(stage: Stage, command: list[str], output: str) -> tuple[Outcome, Verdict]:
    expected = stage.run(command)
    unread, end = os.pipe()
    os.close(unread)
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        stream = {"full": full, "pipe": end}.get(output, subprocess.PIPE)
        encoding = {"PYTHONIOENCODING": "ascii"} if output == "ascii" else {}
        outcome = real_process(command, stage.folder, out=stream, HOME=str(stage.root / "home"), **encoding)
    os.close(end)
    outcome.changes = stage.changes()
    stage.restore()
    return outcome, _verdict(expected, outcome, output)


def _verdict(expected: Outcome, outcome: Outcome, output: str) -> Verdict:
    """Faults of what is left: lost output is exit code 1 and a note, after everything else was done."""
    ignored = ("no single JSON object", "files after a refusal", f"exit code {outcome.code}")
    faults = [fault for fault in judge(outcome).faults if fault not in ignored]
    codes = {"ascii": (expected.code,), "closed": (0, 1), "pipe": (0, 1), "full": (1,)}[output]
    if outcome.code not in (codes if expected.code == 0 else (expected.code,)):
        faults.append(f"exit code {outcome.code}")
    if (outcome.code == 1) != (LOST in outcome.err) or "Exception ignored" in outcome.err:
        faults.append("lost output is not explained")
    if expected.code == 0 and set(outcome.changes["new"]) != set(expected.changes["new"]):
        faults.append("files are lost")
    return Verdict("unexpected", tuple(faults)) if faults else Verdict("refused" if outcome.code == 2 else "worked")
