"""Series in tables and arrays: columns of numbers in the order of their times, with NaN at steps that are absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float64, Integer, Real
from torch import Tensor

from tensorar import DataError
from tensorar.series import Times
from tensorar.utils.reading import describe, escaped, open_file, shorten
from tensorar_plugins.datasets.array_files import read_npy
from tensorar_plugins.datasets.time_axis import ROWS, find_times

if TYPE_CHECKING:
    import pandas as pd

MAX_HEADER_BYTES = 2**16
# the first one is that of a table of one column
DELIMITERS = (",", ";", "\t", "|")
WHAT = "a table of a header and rows in text"


@dataclass(frozen=True, eq=False)
class SeriesFile:
    """The values of a file ``(steps, *frame)``, the names of a frame's numbers, the times, and the steps it has."""

    values: Real[Tensor, "steps *frame"]
    variables: tuple[str, ...]
    times: Times
    present: Bool[Tensor, " steps"]


def read_series_file(path: str | Path, columns: Sequence[str] | None) -> SeriesFile:
    """The series in a table or a .npy array, whose first axis is time. Raises ``DataError``."""
    if Path(path).suffix.lower() == ".npy":
        return _of_array(path, columns)
    table = read_table(path)
    time, times, steps = find_times(table, columns, str(path))
    names = [name for name in table.columns if name != time] if columns is None else list(columns)
    numbers = np.stack([_numbers(table, name, path) for name in names], 1) if names else np.empty((0, 0))
    if not numbers.size:
        raise DataError(
            expected=f"a column of numbers and at least one row in {path}",
            got=f"{len(table)} rows of {', '.join(map(_name, table.columns)) or 'nothing'}",
            remedy="check the file",
        )
    values, present = _in_order(numbers, steps)
    frame = values[:, 0] if len(names) == 1 else values
    return SeriesFile(torch.from_numpy(frame), tuple(map(str, names)), times, present)


def read_table(path: str | Path) -> pd.DataFrame:
    """A table in text with a header, its delimiter found. Raises ``DataError``."""
    import pandas as pd

    with open_file(path, WHAT, decompress=True) as file:
        try:
            header = file.data.peek(MAX_HEADER_BYTES)[:MAX_HEADER_BYTES].partition(b"\n")[0]
            delimiter = max(DELIMITERS, key=lambda sign: header.count(sign.encode()))
            table = pd.read_csv(file.data, sep=delimiter, skipinitialspace=True)
        except Exception as error:  # pandas raises nearly any exception for what is no table
            raise DataError(expected=f"{path} to be {WHAT}", got=describe(error), remedy="check the file") from error
    return table.rename(columns=str)


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


def _numbers(table: pd.DataFrame, name: str, path: str | Path) -> Float64[np.ndarray, " rows"]:
    """A column as numbers, NaN where a cell is blank. Raises ``DataError`` for a column that has others."""
    import pandas as pd

    if name not in table.columns:
        raise DataError(
            expected=f"a column {_name(name)} in {path}",
            got=", ".join(map(_name, table.columns)),
            remedy="name columns of the file",
        )
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(numbers) & table[name].notna().to_numpy())
    if len(wrong):
        raise DataError(
            expected=f"numbers in the column {_name(name)} of {path}",
            got=f"{_name(table[name].iloc[wrong[0]])} in row {wrong[0] + 1}",
            remedy='correct it, or choose the columns to model with columns="A,B"',
        )
    return numbers


def _name(value: object) -> str:
    return escaped(shorten(str(value), 60))
