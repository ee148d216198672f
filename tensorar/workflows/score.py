"""Score the rows of a table: how unusual each is under a run's model, and which of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float64
from torch import Tensor

from tensorar.errors import DataError, SpecError
from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.utils.shapes import rows_by_mask, rows_of
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.table_rows import TableRows, read_rows

if TYPE_CHECKING:
    from pandas import DataFrame

# bounds memory
ROWS_PER_CALL = 1024


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


def score(
    run: Run | str | Path,
    path: str | Path,
    *,
    columns: bool = False,
    device: str = "auto",
    registry: Registry | None = None,
) -> Scores:
    """The nats of each row of a table file under the best model of a run, and its rank among the training rows.

    Empty cells are not observed, nor are columns that the file lacks; ``columns`` adds the nats of each cell. Raises
    ``TensorarError``: for a cell with a value that no training row had, it names column, row and value.
    """
    run = open_run(run, registry)
    rows = read_rows(run, path)
    events, contexts = rows.events, rows.contexts
    model = model_of(run, device).eval()
    nats = _nats(model, events, contexts)
    notes = [*rows.table.notes, *rows.notes]
    try:
        dataset = run.dataset
        training = _nats(model, dataset.train[:].double(), None if dataset.contexts is None else dataset.contexts.train)
        rank = torch.searchsorted(training.sort().values, nats).double() / len(training)
    except DataError as error:
        rank = None
        notes.append(f"no rank among the training rows: {error}")
    if bool(events.isnan().any()):
        notes.append("rows with empty cells have the nats of what was observed, so fewer than complete ones")
    by_column = _by_column(model, events, contexts) if columns else None
    return Scores(run, rows, nats, rank, by_column, tuple(notes))


@torch.no_grad()
def _nats(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Float64[Tensor, " n"]:
    found = []
    for rows in torch.arange(len(events)).split(ROWS_PER_CALL):
        evidence, context = Evidence.observed(events[rows]), rows_of(contexts, rows)
        complete = bool(evidence.mask.all())
        found.append(-model.log_prob(events[rows] if complete else evidence, context).double().cpu())
    return torch.cat(found)


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
        for rows in same.split(ROWS_PER_CALL):
            distribution = model.conditionals(events[rows], rows_of(contexts, rows), order=order)
            log_prob = distribution.log_prob(events[rows].to(model.device)).double().cpu()
            found[rows] = torch.where(known[rows], -log_prob, torch.nan)
    return found
