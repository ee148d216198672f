"""The runs in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tensorar.errors import PluginError, RunError, TensorarError
from tensorar.parts.registry import Registry
from tensorar.parts.spec import nearest
from tensorar.runs.folder import RECIPE_FILE, STATE_FILE
from tensorar.runs.lock import require_unlocked
from tensorar.runs.metrics import best_row
from tensorar.runs.run import PARAMETERS, Run
from tensorar.runs.tensors import open_tensors
from tensorar.training.state import read_state

# folders of folders of runs, such as those of sweeps
MAX_DEPTH = 3
# a folder with one of these was a run, even if its recipe is gone
REMAINS = ("model.safetensors", "metrics.jsonl", STATE_FILE)


@dataclass(frozen=True)
class RunSummary:
    """A run in a line: its parts, and how far its training has come.

    ``status`` is ``finished``, ``training``, ``interrupted``, ``damaged``, or ``plugin`` if one is missing; ``problem``
    then says why. ``nats`` and ``bits`` per dimension are those of the best validation; ``parameters`` counts the
    numbers in its weights; ``date`` is when the run was last written (UTC).
    """

    name: str
    status: str
    data: str | None = None
    ordering: str | None = None
    head: str | None = None
    backbone: str | None = None
    nats: float | None = None
    bits: float | None = None
    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None
    date: str | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


SORTS = tuple(field.name for field in fields(RunSummary) if field.name != "problem")


def list_runs(
    folder: str | Path = "runs", *, sort: str = "name", reverse: bool = False, registry: Registry | None = None
) -> list[RunSummary]:
    """The runs in a folder and its subfolders, three levels deep, sorted by a field; what is unknown comes last.

    Loads no data and no weights. Raises ``RunError`` when there is no such folder, ``TensorarError`` for another field.
    """
    if sort not in SORTS:
        raise TensorarError(
            expected=f"`sort` to be one of {', '.join(SORTS)}", got=repr(sort), remedy=nearest(sort, SORTS)
        )
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(expected=f"the folder {folder}", got="no such folder", remedy="pass a folder of runs")
    found = [summary_of(path, registry) for path in run_folders(folder)]
    known = [run for run in found if getattr(run, sort) is not None]
    unknown = [run for run in found if getattr(run, sort) is None]
    return sorted(known, key=lambda run: (getattr(run, sort), run.name), reverse=reverse) + unknown


def run_folders(folder: Path, depth: int = MAX_DEPTH) -> Iterator[Path]:
    """The folders of runs at or below a folder, by name; links to folders are not followed below it."""
    if (folder / RECIPE_FILE).exists() or any((folder / name).exists() for name in REMAINS):
        yield folder
    elif depth:
        try:
            below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
        except OSError:
            return
        for path in below:
            yield from run_folders(path, depth - 1)


def summary_of(folder: Path, registry: Registry | None = None) -> RunSummary:
    """A run in a line; never fails."""
    name, date = str(folder), _date(folder)
    try:
        run = Run.open(folder, registry=registry)
        return _summary(run, date)
    except PluginError as error:
        return RunSummary(name, "plugin", date=date, problem=str(error))
    except (TensorarError, OSError) as error:
        return RunSummary(name, "damaged", date=date, problem=str(error))


def _summary(run: Run, date: str) -> RunSummary:
    recipe, rows = run.recipe, run.metrics()
    best = best_row(rows) or {}
    state = read_state(run.state_path)
    ended = state.ended(run.stage.first_step)
    with_weights = run.model_path.exists() or bool(rows)
    return RunSummary(
        name=str(run.folder),
        status="training" if _is_locked(run.folder) else "finished" if ended else "interrupted",
        data=str(recipe.dataset),
        ordering=str(recipe.ordering),
        head=str(recipe.head),
        backbone=str(recipe.backbone),
        nats=best.get("valid_nats"),
        bits=best.get("valid_bits_per_dim"),
        parameters=_count(run.model_path) if with_weights else None,
        steps=state.step,
        seconds=round(state.seconds, 3),
        date=date,
    )


def _count(weights: Path) -> int | None:
    """The number of parameters that the file says the model has; its tensors hold buffers, too."""
    with open_tensors(weights) as file:
        text = file.metadata.get(PARAMETERS, "")
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


def _is_locked(folder: Path) -> bool:
    try:
        require_unlocked(folder)
    except RunError:
        return True
    return False


def _date(folder: Path) -> str:
    """When the newest file of a run was written, to the second."""
    times = [path.stat().st_mtime for path in (folder / name for name in (RECIPE_FILE, *REMAINS)) if path.exists()]
    return datetime.fromtimestamp(max(times, default=0), tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
