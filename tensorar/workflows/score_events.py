"""Score the events of files, such as pictures: how unusual each is under a run's model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from tensorar.errors import DataError, TensorarError
from tensorar.model import AutoregressiveModel
from tensorar.runs.run import Run
from tensorar.tables import FileForm
from tensorar.utils.reading import expand, is_picture, unreadable, visible_files
from tensorar.utils.shapes import flatten_events
from tensorar.utils.words import counted
from tensorar.workflows.events import given_contexts
from tensorar.workflows.nats import EVENTS_PER_CALL, Progress, nats_of, rank_among, training_nats
from tensorar.workflows.own_events import events_in
from tensorar.workflows.runs import model_of

if TYPE_CHECKING:
    from pandas import DataFrame

# a rank among so many training events has a standard error of 1.6 % at most
TRAINING_EVENTS = 1000
# with more passes for an event, the training events would take longer than those that are to be scored
MAX_PASSES = 100
FILES_AT_ONCE = 256
# of a network that takes so many passes, so that progress is seen
SLOW_EVENTS_AT_ONCE = 8
MAX_NOTES = 3


@dataclass(frozen=True, eq=False)
class EventScores:
    """Nats of each event ``(n,)``: minus the log-likelihood of what was observed of it.

    ``names`` are the files of the events, with a number from 0 where a file has several. ``rank`` is the share of
    training events with fewer nats, from 0 to 1, None where it is unknown; ``notes`` say why, and among how many it is.
    ``observed`` is the number of coefficients of each that were observed.
    """

    run: Run
    names: tuple[str, ...]
    nats: Float64[Tensor, " n"]
    observed: Float64[Tensor, " n"]
    rank: Float64[Tensor, " n"] | None
    notes: tuple[str, ...]
    what = "event"
    form = FileForm()

    def frame(self) -> DataFrame:
        """A row for each event: its name, its nats, bits per dimension and rank."""
        import pandas

        bits = self.nats / (self.observed * math.log(2))
        values = {"nats": self.nats, "bits_per_dim": bits} | ({} if self.rank is None else {"rank": self.rank})
        texts = {name: [f"{value:.6g}" for value in column.tolist()] for name, column in values.items()}
        return pandas.DataFrame({"event": list(self.names), **texts}, dtype=object)

    def place(self, index: int) -> str:
        """Where an event is from, for a sentence."""
        return self.names[index]


def score_events(
    run: Run,
    path: str | Path,
    context: Sequence[str] | Tensor | None,
    device: str,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> EventScores:
    """The nats of the events in a file, or in the files of a folder, under the best model of a run, and their ranks.

    Files are those that the run's dataset reads. ``announce`` is called beforehand if the network is slow. Raises
    ``TensorarError``.
    """
    (files, root), model = _files(path), model_of(run, device).eval()
    if (slow := _is_slow(model)) and announce is not None:
        announce(f"slow: an event takes {len(model.order)} passes of {model.backbone.name}, one for each coefficient")
    size = SLOW_EVENTS_AT_ONCE if slow else FILES_AT_ONCE
    per_call = SLOW_EVENTS_AT_ONCE if slow else EVENTS_PER_CALL
    # of one file its events are counted, of several the files
    of_events = progress if len(files) == 1 else None
    names: list[str] = []
    nats, observed, notes = [], [], []
    for first in range(0, len(files), size):
        read = [_read(run, file, root) for file in files[first : first + size]]
        x = torch.cat([each.x for each in read])
        contexts = _contexts(run, read, context, len(names))
        nats.append(nats_of(model, x, contexts, events_per_call=per_call, progress=of_events))
        observed.append(flatten_events(~x.isnan()).sum(1))
        names += [name for each in read for name in each.names]
        notes += [note for each in read for note in each.notes]
        if progress is not None and of_events is None:
            progress(min(first + size, len(files)), len(files), float(torch.cat(nats).mean()))
    found = torch.cat(nats)
    rank, why = _rank(run, model, found)
    return EventScores(run, tuple(names), found, torch.cat(observed), rank, (*_few(notes), *why))


@dataclass(frozen=True, eq=False)
class _Read:
    """The events of a file, NaN where they are unknown; the name of its folder may be a class."""

    x: Tensor
    names: list[str]
    folder: str
    notes: tuple[str, ...]


def _read(run: Run, file: Path, root: Path) -> _Read:
    found, _ = events_in(run, file)
    x = found.events if found.known is None else torch.where(found.known, found.events.double(), torch.nan)
    name = str(file.relative_to(root))
    names = [name] if len(x) == 1 else [f"{name} {k}" for k in range(len(x))]
    return _Read(x, names, file.parent.name if file.parent != root else "", found.notes)


def _contexts(
    run: Run, read: list[_Read], context: Sequence[str] | Tensor | None, before: int
) -> Float[Tensor, "n context"] | None:
    """The given contexts in cycles, else the classes that the folders of the files are named for."""
    count = sum(len(each.x) for each in read)
    given = given_contexts(run, context, before + count)
    if given is not None or not run.context_features:
        return None if given is None else given[before:]
    if not all(each.folder for each in read):
        raise TensorarError(
            expected=f"`context` for the events, since {run.folder} was trained with contexts",
            got="none",
            remedy="name their class, or put the files into a folder for each class",
        )
    return torch.stack([run.parse_context(each.folder) for each in read for _ in each.x])


def _files(path: str | Path) -> tuple[list[Path], Path]:
    """The files to score, and the folder that their names begin in. Raises ``DataError`` if there are none."""
    located = expand(path)
    try:
        if not located.is_dir():
            return [located], located.parent
        found = visible_files(located)
    except OSError as error:
        raise unreadable(path, "a readable file or folder", error) from error
    if not found:
        raise DataError(expected=f"files of events in {path}", got="none", remedy="name the folder that has them")
    # beside pictures, other files are notes about them
    return [file for file in found if is_picture(file)] or found, located


def _rank(run: Run, model: AutoregressiveModel, nats: Float64[Tensor, " n"]) -> tuple[Tensor | None, tuple[str, ...]]:
    """The share of training events with fewer nats, and a line about it."""
    if _is_slow(model):
        return None, (f"no rank among the training events: {model.backbone.name} takes a pass for each coefficient",)
    try:
        training = training_nats(run, model, TRAINING_EVENTS)
    except DataError as error:
        return None, (f"no rank among the training events: {error}",)
    few = len(training) < len(run.dataset.train)
    return rank_among(nats, training), (f"ranks are among {counted(len(training), 'training event')}",) if few else ()


def _is_slow(model: AutoregressiveModel) -> bool:
    """Whether an event takes many passes of the network."""
    return (not model.is_causal or model.ordering.adaptive) and len(model.order) > MAX_PASSES


def _few(notes: Sequence[str]) -> list[str]:
    """The first notes on files, and how many there are."""
    distinct = list(dict.fromkeys(notes))
    rest = len(distinct) - MAX_NOTES
    return distinct[:MAX_NOTES] + ([f"and {counted(rest, 'note')} like these"] if rest > 0 else [])
