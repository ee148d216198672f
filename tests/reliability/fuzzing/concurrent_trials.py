"""Several commands on one folder at the same time: no run is lost, and who comes second is refused in a line."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from .file_trials import tensors_digest
from .judge import Tally, Verdict, judge
from .kill_trials import RESUME, TRAIN, Expected, result_of, uninterrupted
from .processes import Outcome
from .stage import Stage

RESUME_STOPPED = ["train", "--resume", "stopped", "--device", "cpu"]
# makes trainings overlap
SLOW = """
import time
from tensorar import workflows
def slow(train):
    def call(*arguments, on_update, **options):
        def update(progress):
            time.sleep(0.02)
            on_update(progress)
        return train(*arguments, on_update=update, **options)
    return call
workflows.train, workflows.resume = slow(workflows.train), slow(workflows.resume)
"""


class Trial:
    """A scenario: starts commands and collects faults."""

    def __init__(self, stage: Stage, chance: random.Random, expected: Expected) -> None:
        self.stage, self.chance, self.expected = stage, chance, expected
        self.faults: list[str] = []

    def together(self, *commands: list[str], prelude: str = SLOW, **changed: str) -> list[Outcome]:
        """Run commands that start within milliseconds; each must end well."""
        children = []
        for command in commands:
            children.append(self.stage.start(command, prelude=prelude, **changed))
            time.sleep(self.chance.choice((0, 0, 0.01, 0.1)))
        outcomes = [child.wait() for child in children]
        for outcome in outcomes:
            self.faults += judge(outcome).faults
        return outcomes

    def require(self, holds: bool, fault: str) -> None:
        """Note a fault unless the condition holds."""
        self.faults += [] if holds else [fault]

    def require_result(self, run: Path) -> None:
        """The run must be as if it had been trained alone."""
        try:
            same = result_of(run) == self.expected.result
        except (OSError, ValueError):
            same = False
        self.require(same, "a run other than that of a training alone")


def same_default_folder(trial: Trial) -> list[Outcome]:
    """Trainings without a folder of their own choose different ones."""
    outcomes = trial.together(*[TRAIN] * trial.chance.choice((2, 3, 4)))
    folders = [re.search(r"^training .* in (.*)$", outcome.out, re.MULTILINE) for outcome in outcomes]
    names = {found[1] for found in folders if found}
    trial.require(all(outcome.code == 0 for outcome in outcomes), "a training without --out is refused")
    trial.require(len(names) == len(outcomes), "two trainings in one folder")
    for name in names:
        trial.require_result(trial.stage.folder / name)
    return outcomes


def same_given_folder(trial: Trial) -> list[Outcome]:
    """Of trainings with one --out a single one goes on."""
    outcomes = trial.together(*[[*TRAIN, "--out", "run"]] * trial.chance.choice((2, 3)))
    trial.require(_codes(outcomes) == [0] + [2] * (len(outcomes) - 1), "two trainings in one folder")
    trial.require_result(trial.stage.folder / "run")
    return outcomes


def resumed_twice(trial: Trial) -> list[Outcome]:
    """A run is resumed by one process at a time."""
    outcomes = trial.together(*[RESUME_STOPPED] * trial.chance.choice((2, 3)))
    trial.require(_codes(outcomes) == [0] + [2] * (len(outcomes) - 1), "a run is resumed twice")
    alone = trial.stage.folder / "alone"
    _copy_of_stopped(trial, alone)
    ended = trial.stage.start(["train", "--resume", "alone", "--device", "cpu"]).wait()
    trial.require(ended.code == 0 and result_of(alone) == result_of(trial.stage.folder / "stopped"), "other results")
    return outcomes


def _copy_of_stopped(trial: Trial, target: Path) -> None:
    shutil.copytree(trial.stage.template / "work" / "stopped", target)


def resumed_while_trained(trial: Trial) -> list[Outcome]:
    """A run that is trained is not resumed."""
    first = trial.stage.start([*TRAIN, "--out", "run"], prelude=SLOW)
    first.ended(60, 0.3 + trial.chance.random())
    (second,) = trial.together(RESUME)
    outcomes = [first.wait(), second]
    trial.require(first.running or outcomes[0].code == 0, "a training is disturbed")
    trial.require_result(trial.stage.folder / "run")
    return outcomes


def sampled_while_trained(trial: Trial) -> list[Outcome]:
    """Sampling and evaluation read a run at any time and change nothing."""
    first = trial.stage.start([*TRAIN, "--out", "run"], prelude=SLOW)
    outcomes = []
    while first.running:
        command = trial.chance.choice((["sample", "run", "-n", "2", "--out", "x.npy"], ["evaluate", "run", "--json"]))
        outcomes += trial.together(command, prelude="")
    outcomes.append(first.wait())
    trial.require(outcomes[-1].code == 0, "a training is disturbed")
    trial.require_result(trial.stage.folder / "run")
    return outcomes


def stray_rank(trial: Trial) -> list[Outcome]:
    """A rank in the environment, without a launcher, does not overwrite a run."""
    before = tensors_digest(trial.stage.folder / "bits" / "model.safetensors")
    variables = trial.chance.choice(
        ({"RANK": "1"}, {"RANK": "0"}, {"RANK": "x"}, {"RANK": "1", "LOCAL_RANK": "1"}, {"RANK": ""})
    )
    existing, new = trial.together([*TRAIN, "--out", "bits"], [*TRAIN, "--out", "run"], **variables)
    trial.require(existing.code == 2, "a run is overwritten")
    trial.require(before == tensors_digest(trial.stage.folder / "bits" / "model.safetensors"), "a run is overwritten")
    if new.code == 0:
        trial.require_result(trial.stage.folder / "run")
    return [existing, new]


def same_output(trial: Trial) -> list[Outcome]:
    """Samples written to one file at once are all of one command."""
    outcomes = trial.together(*[["sample", "bits", "-n", "3", "--seed", "1", "--out", "x.npy"]] * 3, prelude="")
    trial.require(_codes(outcomes) == [0, 0, 0], "sampling is refused")
    return outcomes


def same_plugin(trial: Trial) -> list[Outcome]:
    """A folder of a new plugin is made once."""
    outcomes = trial.together(*[["plugins", "new", "head", "mine"]] * 3, prelude="")
    trial.require(_codes(outcomes) == [0, 2, 2], "a plugin is made twice")
    return outcomes


def _codes(outcomes: list[Outcome]) -> list[int]:
    return sorted(outcome.code for outcome in outcomes)


SCENARIOS: tuple[Callable[[Trial], list[Outcome]], ...] = (
    *(same_default_folder, same_given_folder, resumed_twice, resumed_while_trained, sampled_while_trained, stray_rank),
    *(same_output, same_plugin),
)


def try_concurrency(stage: Stage, trials: int, seed: int) -> Tally:
    """The scenarios in turn."""
    tally, expected = Tally(), uninterrupted(stage)
    for number in range(trials):
        scenario = SCENARIOS[number % len(SCENARIOS)]
        trial = Trial(stage, random.Random(f"{seed} {number}"), expected)
        outcomes = scenario(trial)
        changes = stage.changes()
        trial.require(not any("/." in path for path in changes["new"]), "hidden files")
        verdict = Verdict("unexpected", tuple(dict.fromkeys(trial.faults))) if trial.faults else Verdict("worked")
        tally.add(_together(outcomes), verdict, f"{seed} {number}: {scenario.__name__}")
        stage.restore()
    return tally


def _together(outcomes: list[Outcome]) -> Outcome:
    """One outcome for the figures: all CPU time, the largest memory, the last error."""
    lines = "".join(outcome.err for outcome in outcomes)
    last = outcomes[-1]
    return Outcome(
        last.arguments, last.code, "", lines, sum(o.seconds for o in outcomes), max(o.peak for o in outcomes)
    )
