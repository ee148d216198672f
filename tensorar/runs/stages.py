"""The stages of a training: the first one, and those with which a run was trained on later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorar.errors import RunError, SpecError
from tensorar.runs.fields import TABLE, check_fields, integer, number
from tensorar.runs.settings import LENGTHS, TrainingSettings

# of a run's provenance: a table for each later stage, oldest first
KEY = "continued"
FIELDS = {"from_step": integer(1), "from_seconds": number(0), "settings": TABLE}
# initial weights and the order of the events depend on the seed, the best weights on the validation events; the network
# has weights for the tokens of its augmentation
FIXED = ("seed", "valid_events", "augment")


@dataclass(frozen=True)
class Stage:
    """The settings of a stage, and the steps and seconds of training before it."""

    settings: TrainingSettings
    first_step: int = 0
    first_seconds: float = 0.0

    def fraction(self, step: int, seconds: float, training_events: int) -> float:
        """The fraction of the stage that is done, by steps or by time, whichever is larger."""
        planned, minutes = self.settings.planned_steps(training_events), self.settings.minutes
        by_steps = (step - self.first_step) / planned if planned else 0.0
        by_time = (seconds - self.first_seconds) / (60 * minutes) if minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def last_step(self, training_events: int) -> int | None:
        """The largest step number, or None if only the time limits the stage."""
        planned = self.settings.planned_steps(training_events)
        return None if planned is None else self.first_step + planned


def current_stage(first: TrainingSettings, continued: list[dict[str, Any]], where: str) -> Stage:
    """The last stage, whose settings are the first ones with all later changes. Raises ``RunError``."""
    stage = Stage(first)
    for entry in continued:
        try:
            settings = stage.settings.changed(entry["settings"])
        except SpecError as error:
            raise RunError(expected=f"{error.expected} in {where}", got=error.got, remedy=error.remedy) from error
        stage = Stage(settings, entry["from_step"], entry["from_seconds"])
    return stage


def check_stages(continued: Any, file: Path, remedy: str) -> None:
    """Check the table of each later stage. Raises ``RunError``."""
    for entry in continued:
        check_fields(entry, FIELDS, where=f"[[provenance.{KEY}]] of {file}", remedy=remedy)


def check_changes(changes: Mapping[str, Any]) -> None:
    """Raise ``SpecError`` unless a run can be trained on with these changed settings."""
    fixed = [name for name in FIXED if name in changes]
    if fixed:
        raise SpecError(
            expected=f"no other `{fixed[0]}` for a run that is trained already",
            got=str(changes[fixed[0]]),
            remedy="leave it out, or train a new run",
        )
    if not changes.keys() & set(LENGTHS):
        raise SpecError(
            expected="a length with changed settings: `steps`, `epochs` or `minutes` to train on for",
            got=", ".join(changes),
            remedy="add one",
        )
