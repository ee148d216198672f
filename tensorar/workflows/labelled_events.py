"""Events to classify: of a split of a dataset, or all in a file, with their classes where these are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar.classes import Classes, is_one_hot, labels_of
from tensorar.errors import TensorarError
from tensorar.evidence import Evidence
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run
from tensorar.tables import target_levels
from tensorar.training.evaluation import Scored
from tensorar.workflows.events import events_of
from tensorar.workflows.table_rows import read_rows


@dataclass(frozen=True, eq=False)
class LabelledEvents:
    """Events (what was observed of them, if values may be missing), their numbers and classes, and their source."""

    x: Scored
    rows: Int[Tensor, " n"]
    labels: Int[Tensor, " n"] | None
    source: str
    notes: tuple[str, ...] = ()


def labelled_events(
    run: Run, classes: Classes, data: str | PartSpec | None, split: str, count: int | None, seed: int
) -> LabelledEvents:
    """The events that ``data`` names: a file, or the spec of a dataset (default: the run's), of which a split.

    At most ``count`` of them: the first of a file, else drawn with the seed. Raises ``TensorarError``, also for classes
    that are not the run's.
    """
    if isinstance(data, str) and Path(data).expanduser().is_file():
        return _of_table(run, data, count) if run.schema is not None else _of_file(run, data, count)
    dataset = run.dataset if data is None else run.other_dataset(data)
    chosen = events_of(dataset, split, count, seed)
    source = f"the {split} split of {run.spec_of(data)}"
    labels = None
    if chosen.contexts is not None:
        names = dataset.class_names or [str(k) for k in range(chosen.contexts.shape[1])]
        _require_classes(classes, names, one_hot=is_one_hot(chosen.contexts), where=dataset.name)
        labels = labels_of(chosen.contexts)
    return LabelledEvents(dataset.observed(chosen.x), chosen.rows, labels, source)


def _require_classes(classes: Classes, names: list[str], *, one_hot: bool, where: str) -> None:
    if tuple(names) != classes.names or not one_hot:
        raise TensorarError(
            expected=f"the {len(classes)} classes with which the run was trained",
            got=f"{len(names)} others in {where}",
            remedy="use data with the same classes, or without labels",
        )


def _of_table(run: Run, path: str, count: int | None) -> LabelledEvents:
    """The rows of a table; of one with the target column, those that have a class, if any has."""
    found = read_rows(run, path)
    levels = target_levels(found.table, found.schema)
    rows, notes = torch.arange(len(found.events)), [*found.table.notes, *found.notes]
    if levels is not None and (blank := int(levels.isnan().sum())):
        labelled = blank < len(rows)
        which = f"{blank} of {len(rows)} rows have no class and are skipped" if labelled else "no row has a class"
        notes.append(f"{which} in {path}")
        levels, rows = (levels, rows[~levels.isnan()]) if labelled else (None, rows)
    rows = rows[:count]
    events = found.events[rows]
    x = Evidence.observed(events) if bool(events.isnan().any()) else events
    return LabelledEvents(x, rows, None if levels is None else levels[rows].long(), path, tuple(notes))


def _of_file(run: Run, path: str, count: int | None) -> LabelledEvents:
    found = run.unchecked_dataset.read_events(path, run.event_shape)
    events = found.events[:count]
    x = events if found.known is None else Evidence(found.known[:count], events)
    return LabelledEvents(x, torch.arange(len(events)), None, path, tuple(found.notes))
