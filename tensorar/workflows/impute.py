"""Fill the empty cells of a table from draws of a run's model, with an interval for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float64, Shaped
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.generation import SamplingInfo
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.tables import Column, decode_cells, is_missing
from tensorar.utils.reading import shorten
from tensorar.utils.shapes import rows_of
from tensorar.utils.words import counted
from tensorar.workflows.events import check_counts
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.sampling import require_memory_for_samples, seeded_generator
from tensorar.workflows.table_rows import TableRows, blanks, observed, read_rows

if TYPE_CHECKING:
    from pandas import DataFrame

Statistic = Literal["mean", "median", "mode"]
# draws at once: bounds memory
DRAWS_PER_CALL = 20_000
INTERVAL = 0.9
# of fewer draws, not even the smallest and the largest hold that much
MIN_DRAWS_OF_INTERVALS = 19


@dataclass(frozen=True, eq=False)
class Imputation:
    """The rows of a file, its empty cells ``blank``, and what fills them: a ``value`` and an interval for each.

    ``low`` and ``high`` hold 90 % of the draws of an ordered cell; ``probability`` is the share of the draws with the
    value, of bits and categories. All are ``(n, columns)``, NaN where there is nothing to fill.
    """

    run: Run
    rows: TableRows
    blank: Bool[Tensor, "n columns"]
    value: Float64[Tensor, "n columns"]
    low: Float64[Tensor, "n columns"]
    high: Float64[Tensor, "n columns"]
    probability: Float64[Tensor, "n columns"]
    info: SamplingInfo
    notes: tuple[str, ...]

    @property
    def filled(self) -> int:
        """The number of cells that were filled."""
        return int(self.blank.sum())

    def frame(self) -> DataFrame:
        """The rows of the file with its empty cells filled; all other cells as they were."""
        frame, schema = self.rows.table.frame.copy(), self.rows.schema
        for i, (column, flag) in enumerate(schema.coefficients):
            if flag or not bool(self.blank[:, i].any()):
                continue
            texts = (
                frame[column.name].to_numpy(object).copy() if column.name in frame else np.full(len(frame), "", object)
            )
            blank = self.blank[:, i].numpy()
            texts[blank] = self._cells(self.value[:, i], column)[blank]
            frame[column.name] = texts
        return frame

    def intervals(self) -> DataFrame:
        """A row for each filled cell: its row and column, the value, the interval, and the probability of a level."""
        import pandas

        found: dict[str, list[object]] = {name: [] for name in ("row", "column", "value", "low", "high", "probability")}
        for i, (column, _) in enumerate(self.rows.schema.coefficients):
            rows = self.blank[:, i].nonzero()[:, 0].tolist()
            cells = [self._cells(part[:, i], column) for part in (self.value, self.low, self.high)]
            for row in rows:
                share = float(self.probability[row, i])
                texts = [*(part[row] for part in cells), "" if share != share else f"{share:.3g}"]
                for name, entry in zip(found, [str(row + 1), column.name, *texts], strict=True):
                    found[name].append(entry)
        return pandas.DataFrame(found, dtype=object)

    def _cells(self, values: Tensor, column: Column) -> Shaped[np.ndarray, " n"]:
        return decode_cells(values.numpy(), column, self.rows.table.form.decimal)


def check_statistic(name: str) -> Statistic:
    """The statistic of that name. Raises ``TensorarError``."""
    known: tuple[Statistic, ...] = get_args(Statistic)
    if name not in known:
        raise TensorarError(
            expected=f"`statistic` to be one of {', '.join(known)}", got=repr(name), remedy="use one of them"
        )
    return next(one for one in known if one == name)


def impute(
    run: Run | str | Path,
    path: str | Path,
    *,
    draws: int = 100,
    statistic: str = "mean",
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imputation:
    """Fill each empty cell of a table file with a statistic of ``draws`` completions of its row.

    Whole numbers, reals and dates get the ``mean``, the ``median`` or the ``mode`` (the center of the shortest half of
    the draws), bits and categories their most frequent level. ``progress(rows_done, rows)`` is called on the way.
    Raises ``TensorarError``, with column, row and value for a cell that does not fit.
    """
    run, chosen = open_run(run, registry), check_statistic(statistic)
    check_counts(draws=draws)
    rows = read_rows(run, path)
    events, contexts = rows.events, rows.contexts
    blank = blanks(events, rows.schema)
    model, info = model_of(run, device), SamplingInfo()
    found = [torch.full(events.shape, torch.nan, dtype=torch.float64) for _ in range(4)]
    todo = blank.any(1).nonzero()[:, 0]
    generator = seeded_generator(seed)
    parts = list(todo.split(max(1, DRAWS_PER_CALL // draws))) if len(todo) else []
    require_memory_for_samples(run, draws * max(map(len, parts), default=0))
    for done, part in enumerate(parts, 1):
        drawn = _draw(model, rows, part, draws, contexts, generator, info)
        for i, (column, flag) in enumerate(rows.schema.coefficients):
            own = blank[part, i]
            if not flag and bool(own.any()):
                for target, values in zip(found, _summary(drawn[own, :, i], column, chosen), strict=True):
                    target[part[own], i] = values
        if progress is not None:
            progress(min(done * len(parts[0]), len(todo)), len(todo))
    value, low, high, probability = found
    notes = [*rows.table.notes, *rows.notes]
    kept = _not_modelled(rows)
    notes += [f"not modelled by the run, so empty cells stay: {shorten(', '.join(kept), 200)}"] if kept else []
    if len(todo) and draws < MIN_DRAWS_OF_INTERVALS:
        share = (draws - 1) / (draws + 1)
        how_many = counted(draws, "draw")
        notes.append(f"intervals of {how_many} hold a new one with {share:.0%}; those of 90 % take 19 draws or more")
    return Imputation(run, rows, blank, value, low, high, probability, info, tuple(notes))


def _not_modelled(rows: TableRows) -> list[str]:
    """The columns with empty cells that are constant or left out."""
    cells = rows.table.frame
    others = [column.name for column in rows.schema.columns if not column.modelled and column.name in cells]
    return [name for name in others if bool(is_missing(cells[name].to_numpy(object)).any())]


def _draw(
    model: AutoregressiveModel,
    rows: TableRows,
    part: Tensor,
    draws: int,
    contexts: Tensor | None,
    generator: torch.Generator,
    info: SamplingInfo,
) -> Float64[Tensor, "n draws columns"]:
    context = rows_of(contexts, part)
    completed = model.sample(
        evidence=observed(rows.events[part], rows.schema).repeat(draws),
        context=None if context is None else context.repeat_interleave(draws, dim=0),
        generator=generator,
        info=info,
    )
    each: Tensor = completed.double().cpu().unflatten(0, (len(part), draws))
    return each


def _summary(draws: Float64[Tensor, "n draws"], column: Column, statistic: Statistic) -> list[Tensor]:
    """The value of each cell, the ends of its interval, and the probability of a level."""
    unknown = torch.full(draws.shape[:1], torch.nan, dtype=torch.float64)
    if not column.is_ordered:
        value = draws.mode(1).values
        return [value, unknown, unknown, (draws == value[:, None]).double().mean(1)]
    value = {"mean": draws.mean(1), "median": draws.quantile(0.5, dim=1), "mode": _mode(draws)}[statistic]
    ends = _interval(draws)
    if not column.levels:
        return [value, *ends, unknown]
    levels = torch.from_numpy(column.level_numbers)
    nearest = [levels[(part[:, None] - levels).abs().argmin(1)] for part in (value, *ends)]
    return [*nearest, (draws == nearest[0][:, None]).double().mean(1)]


def _interval(draws: Float64[Tensor, "n draws"]) -> list[Float64[Tensor, " n"]]:
    """The ends between which a new draw falls with 90 % probability, whatever the distribution."""
    ends = np.quantile(draws.numpy(), [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1, method="weibull")
    return [torch.from_numpy(end) for end in ends]


def _mode(draws: Float64[Tensor, "n draws"]) -> Float64[Tensor, " n"]:
    """The center of the shortest interval that holds half of the draws."""
    ordered = draws.sort(1).values
    half = ordered.shape[1] // 2
    width = ordered[:, half:] - ordered[:, : ordered.shape[1] - half]
    first = width.argmin(1, keepdim=True)
    ends = ordered.gather(1, first), ordered.gather(1, first + half)
    return ((ends[0] + ends[1]) / 2)[:, 0]
