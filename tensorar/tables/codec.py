"""Cells of a table as events of numbers and back, by its schema; missing cells are NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Shaped
from torch import Tensor

from tensorar.errors import DataError
from tensorar.parts.spec import nearest
from tensorar.tables.cells import CODE, is_missing, numbers_of, write_numbers
from tensorar.tables.dates import days_of, write_days
from tensorar.tables.forms import TextTable
from tensorar.tables.schema import Column, Schema
from tensorar.utils.reading import shorten

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_LISTED_LEVELS = 20


def encode(table: TextTable, schema: Schema) -> Float64[Tensor, "n columns"]:
    """The rows of a table as events; columns are found by name, those it lacks are not observed.

    Raises ``DataError``, with column, row and value, for a cell that is not of its column's kind.
    """
    events = torch.full((len(table.frame), len(schema.coefficients)), torch.nan, dtype=torch.float64)
    for i, (column, flag) in enumerate(schema.coefficients):
        if column.name not in table.frame.columns:
            continue
        cells = table.frame[column.name].to_numpy(object)
        values = is_missing(cells).astype(np.float64) if flag else encode_cells(cells, column, table)
        events[:, i] = torch.from_numpy(values)
    return events


def encode_target(table: TextTable, schema: Schema) -> Float[Tensor, "n classes"] | None:
    """The class of each row, one-hot; None without a target. Raises ``DataError`` where it is missing."""
    column, levels = schema.target_column, target_levels(table, schema)
    if column is None:
        return None
    if levels is None or bool(levels.isnan().any()):
        raise DataError(
            expected=f"a class in the column {column.name} of each row of {table.path}",
            got="no such column"
            if levels is None
            else f"an empty cell in row {int(levels.isnan().int().argmax()) + 1}",
            remedy="fill it in",
        )
    return torch.nn.functional.one_hot(levels.long(), len(column.levels)).float()


def target_levels(table: TextTable, schema: Schema) -> Float64[Tensor, " n"] | None:
    """The number of the class of each row, NaN where it is missing; None without a target, or its column.

    Raises ``DataError`` for a class that is not known.
    """
    column = schema.target_column
    if column is None or column.name not in table.frame.columns:
        return None
    return torch.from_numpy(encode_levels(table.frame[column.name].to_numpy(object), column, table))


def encode_cells(cells: Shaped[np.ndarray, " n"], column: Column, table: TextTable) -> Float64[np.ndarray, " n"]:
    """The number of each cell of a column, NaN where it is missing. Raises ``DataError``."""
    if not column.is_ordered:
        return encode_levels(cells, column, table)
    if column.date_format:
        return _checked(days_of(cells, column.date_format), cells, column, table)
    values = numbers_of(column.style.plain(cells), table.form.decimal)
    if column.kind == "whole":
        known = np.isin(values, column.level_numbers) if column.levels else values == np.round(values)
        values = np.where(known, values, np.nan)
    return _checked(values, cells, column, table)


def encode_levels(cells: Shaped[np.ndarray, " n"], column: Column, table: TextTable) -> Float64[np.ndarray, " n"]:
    """The number of each cell's level, NaN where it is missing. Raises ``DataError``."""
    return _checked(_level_of(cells, column, table.form.decimal), cells, column, table)


def _checked(
    values: Float64[np.ndarray, " n"], cells: Shaped[np.ndarray, " n"], column: Column, table: TextTable
) -> Float64[np.ndarray, " n"]:
    missing = is_missing(cells)
    wrong = np.isnan(values) & ~missing
    if wrong.any():
        raise _wrong_cell(cells, wrong, column, table.path)
    return np.where(missing, np.nan, values)


def _level_of(cells: Shaped[np.ndarray, " n"], column: Column, decimal: str) -> Float64[np.ndarray, " n"]:
    """The level of each cell, by its text or its number; NaN for values that are no level, unless these are other."""
    known = {level: float(i) for i, level in enumerate(column.levels)}
    level_numbers = numbers_of(np.array(column.levels, object), decimal)
    is_numeric = not np.isnan(level_numbers).any() and not any(map(CODE.fullmatch, column.levels))
    if len(level_numbers) and is_numeric:
        numbers = numbers_of(cells, decimal)
        place = np.searchsorted(level_numbers, numbers).clip(max=len(level_numbers) - 1)
        return np.where(level_numbers[place] == numbers, place.astype(np.float64), np.nan)
    fallback = known[column.other] if column.other else np.nan
    return np.array([known.get(cell, fallback) for cell in cells], np.float64)


def _wrong_cell(cells: Shaped[np.ndarray, " n"], wrong: Bool[np.ndarray, " n"], column: Column, path: str) -> DataError:
    row = int(wrong.argmax())
    kinds = {"date": f"a date as {column.date_format}", "real": "a number", "whole": "a whole number"}
    value, remedy = shorten(str(cells[row]), 60), "correct it, or empty the cell"
    if column.levels:
        few = len(column.levels) <= MAX_LISTED_LEVELS
        known = nearest(value, column.levels) if few else "use a value that the run was trained on"
        remedy = f"{known}, or empty the cell if it is unknown"
    kind = "a known value" if column.levels else kinds[column.kind]
    return DataError(
        expected=f"{kind} in column {column.name}, row {row + 1} of {path}", got=repr(value), remedy=remedy
    )


def decode(events: Float[Tensor, "n columns"], schema: Schema, target: list[str] | None = None) -> DataFrame:
    """Events as the rows of a table in the schema's form: its columns, levels, rounding, dates and constants.

    Cells that are NaN, or whose being missing is set, are empty; so are columns that were left out, which only a copy
    of an input can fill. ``target`` holds the class of each row.
    """
    import pandas

    numbers = events.double().cpu().numpy()
    cells: dict[str, Shaped[np.ndarray, " n"] | list[str]] = {}
    for column in schema.columns:
        if column.name == schema.target and target is not None:
            cells[column.name] = target
        elif column.kind == "constant":
            cells[column.name] = [column.constant] * len(numbers)
        elif column.modelled and column.name != schema.target:
            values = numbers[:, schema.place(column.name)]
            if schema.models_missing and column.missing:
                values = np.where(numbers[:, schema.place(column.name, flag=True)] == 1, np.nan, values)
            cells[column.name] = decode_cells(values, column, schema.form.decimal)
    return pandas.DataFrame(cells, dtype=object)


def decode_cells(values: Float64[np.ndarray, " n"], column: Column, decimal: str) -> Shaped[np.ndarray, " n"]:
    """The text of each value of a column."""
    if not column.is_ordered:
        texts = np.array([*column.levels, ""], object)
        place = np.where(np.isnan(values), len(column.levels), values).round().astype(int)
        found: Shaped[np.ndarray, " n"] = texts[place.clip(0, len(column.levels))]
        return found
    if column.date_format:
        return write_days(values, column.date_format, column.date_step)
    return column.style.dressed(write_numbers(values, column.decimals, decimal), decimal)
