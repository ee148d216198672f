"""Score events: how unusual each is under a run's model; of the rows of a table, which of their columns are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float64
from torch import Tensor

from tensorar.errors import DataError, SpecError
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.tables import FileForm
from tensorar.utils.shapes import rows_by_mask, rows_of
from tensorar.workflows.nats import EVENTS_PER_CALL, Progress, nats_of, rank_among, training_nats
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.score_events import EventScores, score_events
from tensorar.workflows.table_rows import TableRows, read_rows

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Scores:
    """Nats of each row ``(n,)``, in the order of the file: minus the log-likelihood of what was observed of it.

    ``rank`` is the share of the training rows with fewer nats, from 0 to 1 (None: the training data are not there).
    ``by_column``, if requested, are the nats of each cell given those before it in the model's order ``(n, columns)``,
    NaN where it was not observed; they add up to the nats of the row.
    """

    run: Run
    rows: TableRows
    nats: Float64[Tensor, " n"]
    rank: Float64[Tensor, " n"] | None
    by_column: Float64[Tensor, "n columns"] | None
    notes: tuple[str, ...]
    what = "row"

    @property
    def form(self) -> FileForm:
        """How the file is written."""
        return self.rows.table.form

    def frame(self) -> DataFrame:
        """The rows of the file with columns for the nats, the rank, and the nats of each column."""
        frame, sign = self.rows.table.frame.copy(), self.rows.table.form.decimal
        added = {"nats": self.nats} | ({} if self.rank is None else {"rank": self.rank})
        if self.by_column is not None:
            names = self.rows.schema.coefficient_names
            added |= {f"nats {name}": self.by_column[:, i] for i, name in enumerate(names)}
        for name, values in added.items():
            texts = ["" if value != value else f"{value:.6g}".replace(".", sign) for value in values.tolist()]
            frame[name if name not in frame.columns else f"{name} (tensorar)"] = texts
        return frame

    def place(self, index: int) -> str:
        """Where a row is, for a sentence."""
        return f"row {index + 1}"


def score(
    run: Run | str | Path,
    path: str | Path,
    *,
    columns: bool = False,
    context: Sequence[str] | Tensor | None = None,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Scores | EventScores:
    """The nats of each event of a file under the best model of a run, and its rank among the training events.

    Of a run that was trained on a table, the rows of a table file: empty cells are not observed, nor are columns that
    the file lacks; ``columns`` adds the nats of each cell. Of other runs, the events in a file, or in the files of a
    folder, that the run's dataset reads, such as pictures (``EventScores``); ``context`` are their contexts, in cycles,
    by default the classes that their folders are named for. ``progress(done, all, nats)`` is called on the way
    with numbers of files, or of the events or rows of one file, and ``announce`` beforehand if the network takes many
    passes for an event.

    Raises ``TensorarError``: for a cell with a value that no training row had, it names column, row and value.
    """
    run = open_run(run, registry)
    _check(run, columns, context)
    if run.schema is None:
        return score_events(run, path, context, device, progress, announce)
    rows = read_rows(run, path)
    events, contexts = rows.events, rows.contexts
    model = model_of(run, device).eval()
    nats = nats_of(model, events, contexts, progress=progress)
    notes = [*rows.table.notes, *rows.notes]
    try:
        rank = rank_among(nats, training_nats(run, model))
    except DataError as error:
        rank = None
        notes.append(f"no rank among the training rows: {error}")
    if bool(events.isnan().any()):
        notes.append("rows with empty cells have the nats of what was observed, so fewer than complete ones")
    by_column = _by_column(model, events, contexts) if columns else None
    return Scores(run, rows, nats, rank, by_column, tuple(notes))


def _check(run: Run, columns: bool, context: Sequence[str] | Tensor | None) -> None:
    """Refuse options that would be ignored."""
    if run.schema is None and columns:
        raise SpecError(
            expected="a run that was trained on a table, for the nats of each column",
            got=f"{run.folder}, trained on {run.recipe.dataset.name}",
            remedy="leave out `columns`",
        )
    if run.schema is not None and context is not None and len(context):
        raise SpecError(
            expected="no `context` for the rows of a table, which have a column for the class",
            got=str(context),
            remedy="leave it out",
        )


@torch.no_grad()
def _by_column(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Float64[Tensor, "n columns"]:
    if model.ordering.ensemble or model.ordering.adaptive:
        raise SpecError(
            expected="a run with one order, for the nats of each column",
            got=f"ordering={model.ordering.name}",
            remedy="leave out `columns`",
        )
    found = torch.full(events.shape, torch.nan, dtype=torch.float64)
    known = ~events.isnan()
    for same in rows_by_mask(known):
        # a causal network of one order has nothing missing before what was observed: log_prob has checked it
        order = model.order.observed_first(known[same[0]].to(model.device))
        for rows in same.split(EVENTS_PER_CALL):
            distribution = model.conditionals(events[rows], rows_of(contexts, rows), order=order)
            log_prob = distribution.log_prob(events[rows].to(model.device)).double().cpu()
            found[rows] = torch.where(known[rows], -log_prob, torch.nan)
    return found
