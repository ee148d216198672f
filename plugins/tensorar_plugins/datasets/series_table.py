"""Series in tables and arrays: columns of numbers in the order of their times, with NaN at steps that are absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float64, Integer, Real
from torch import Tensor

from tensorar import DataError
from tensorar.series import Times
from tensorar.tables import FileForm, is_missing, numbers_of, read_table, style_of
from tensorar.utils.reading import escaped, shorten
from tensorar.utils.words import counted
from tensorar_plugins.datasets.array_files import read_npy
from tensorar_plugins.datasets.time_axis import ROWS, find_times

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class SeriesFile:
    """The values of a file ``(steps, *frame)``, the names of a frame's numbers, the times, and the steps it has.

    ``form`` is how a table was written, and ``notes`` say what was found about that.
    """

    values: Real[Tensor, "steps *frame"]
    variables: tuple[str, ...]
    times: Times
    present: Bool[Tensor, " steps"]
    form: FileForm = field(default_factory=FileForm)
    notes: tuple[str, ...] = ()


def read_series_file(path: str | Path, columns: Sequence[str] | None) -> SeriesFile:
    """The series in a table or a .npy array, whose first axis is time. Raises ``DataError``."""
    if Path(path).suffix.lower() == ".npy":
        return _of_array(path, columns)
    table = read_table(path, empty_rows=True)
    decimal = table.form.decimal
    cells, (time, times, steps) = _rows_with_times(table.frame, columns, decimal, path)
    names = [name for name in cells.columns if name != time] if columns is None else list(columns)
    if not names:
        raise DataError(
            expected=f"a column of numbers in {path}",
            got=f"the column of times {_name(time)} only",
            remedy="add the values of the series",
        )
    numbers = np.stack([_numbers(cells, name, decimal, path) for name in names], 1)
    values, present = _in_order(numbers, steps)
    count = len(table.frame) - len(cells)
    left_out = (f"{counted(count, 'empty row')} left out",) if count else ()
    values = values[:, 0] if len(names) == 1 else values
    return SeriesFile(torch.from_numpy(values), tuple(names), times, present, table.form, (*table.notes, *left_out))


def _rows_with_times(
    cells: pd.DataFrame, columns: Sequence[str] | None, decimal: str, path: str | Path
) -> tuple[pd.DataFrame, tuple[str | None, Times, Integer[np.ndarray, " rows"]]]:
    """The rows that have a cell, and their times; of rows without times, an empty one is a step but at the end."""
    full = ((cells != "").any(axis=1) | (cells.shape[1] == 1)).to_numpy()
    kept = cells[full].reset_index(drop=True)
    found = find_times(kept, columns, decimal, str(path))
    if found[0] is not None:
        return kept, found
    kept = cells.iloc[: int(np.flatnonzero(full).max(initial=-1)) + 1]
    return kept, (None, ROWS, np.arange(len(kept)))


def _of_array(path: str | Path, columns: Sequence[str] | None) -> SeriesFile:
    values = read_npy(path)
    if columns is not None:
        raise DataError(
            expected=f"no columns for the array {path}",
            got=", ".join(columns),
            remedy="leave them out, or save a table",
        )
    count = values[:1].numel()
    names = ("value",) if values.ndim == 1 else tuple(map(str, range(count)))
    return SeriesFile(values, names, ROWS, torch.ones(len(values), dtype=torch.bool))


def _in_order(
    numbers: Float64[np.ndarray, "rows variables"], steps: Integer[np.ndarray, " rows"]
) -> tuple[Float64[np.ndarray, "steps variables"], Bool[Tensor, " steps"]]:
    """The rows in the order of their steps, NaN where there is none, and which steps there are."""
    count = int(steps.max()) + 1
    values = np.full((count, numbers.shape[1]), np.nan)
    values[steps] = numbers
    return values, torch.zeros(count, dtype=torch.bool).index_fill(0, torch.from_numpy(steps).long(), True)


def _numbers(cells: pd.DataFrame, name: str, decimal: str, path: str | Path) -> Float64[np.ndarray, " rows"]:
    """A column as numbers, NaN where a cell is missing. Raises ``DataError`` for a column that has others."""
    if name not in cells.columns:
        raise DataError(
            expected=f"a column {_name(name)} in {path}",
            got=", ".join(map(_name, cells.columns)),
            remedy="name columns of the file",
        )
    column = cells[name].to_numpy(object)
    missing = is_missing(column)
    numbers = numbers_of(style_of(column[~missing], decimal).plain(column), decimal)
    wrong = np.flatnonzero(np.isnan(numbers) & ~missing)
    if len(wrong):
        raise DataError(
            expected=f"numbers in the column {_name(name)} of {path}",
            got=f"{_name(column[wrong[0]])} in row {wrong[0] + 1}",
            remedy='correct it, or choose the columns to model with columns="A,B"',
        )
    return numbers


def _name(value: object) -> str:
    return escaped(shorten(str(value), 60))
