"""Rows of table files as events of a run that was trained on a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Shaped
from torch import Tensor

from tensorar.dataset_files import FileEvents
from tensorar.errors import DataError, RunError, SpecError, SupportError
from tensorar.evidence import Evidence
from tensorar.head import Head
from tensorar.parts.spec import nearest
from tensorar.runs.folder import SCHEMA_FILE
from tensorar.runs.run import Run
from tensorar.tables import (
    Column,
    Schema,
    TextTable,
    decode_cells,
    encode,
    encode_cells,
    encode_levels,
    encode_target,
    read_table,
    write_numbers,
)
from tensorar.tables.dates import SECONDS_PER_DAY
from tensorar.utils.reading import shorten
from tensorar.utils.words import duration
from tensorar.value_checks import default_value_dtype

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows of a file: their cells, and as events with NaN where nothing was observed."""

    table: TextTable
    schema: Schema

    @cached_property
    def events(self) -> Float64[Tensor, "n columns"]:
        """The rows as events of the run. Raises ``DataError`` for a cell that is not of its column's kind."""
        return encode(self.table, self.schema)

    @cached_property
    def contexts(self) -> Float[Tensor, "n classes"] | None:
        """The class of each row, if the run has a target. Raises ``DataError`` where it is missing."""
        return encode_target(self.table, self.schema)

    def require_support(self, head: Head) -> None:
        """Raise ``SupportError``, with column, row and value, for a cell to which a head assigns no probability."""
        try:
            head.check(
                self.events,
                known=~self.events.isnan(),
                what="the file",
                suggestion="correct it, or empty the cell",
                dtype=default_value_dtype(),
            )
        except SupportError as error:
            row, coefficient = error.place or (0, 0)
            raise error.named(self.schema.describe_place(coefficient, row, self.table.path)) from error

    @property
    def has_classes(self) -> bool:
        """Whether the file has the column of the classes of the run."""
        return self.schema.target is not None and self.schema.target in self.table.frame.columns

    @property
    def completed(self) -> FileEvents:
        """The rows to complete: what is missing in them is as if it had been recorded. Raises ``DataError``."""
        evidence = observed(self.events, self.schema)
        known = None if bool(evidence.mask.all()) else evidence.mask
        return FileEvents(evidence.value, known, (*self.table.notes, *self.notes))

    @property
    def notes(self) -> list[str]:
        """A line each on columns that the file lacks, and on those that the run does not know."""
        names = [str(name) for name in self.table.frame.columns]
        absent = [column.name for column in self.schema.modelled if column.name not in names]
        unknown = [name for name in names if self.schema.find(name) is None]
        notes = [f"not in {self.table.path}, so not observed: {shorten(', '.join(absent), 200)}"] if absent else []
        return notes + ([f"unknown to the run, so ignored: {shorten(', '.join(unknown), 200)}"] if unknown else [])


def schema_of(run: Run) -> Schema:
    """The schema of the table that a run was trained on. Raises ``RunError`` for a run of other data."""
    if run.schema is None:
        raise RunError(
            expected=f"a run that was trained on a table, with a {SCHEMA_FILE}",
            got=f"{run.folder}, trained on {run.recipe.dataset.name}",
            remedy="train one with tensorar train table:path=FILE",
        )
    return Schema.from_dict(run.schema, str(run.folder / SCHEMA_FILE))


def read_rows(run: Run, path: str | Path, *, empty_rows: bool = False) -> TableRows:
    """The rows of a file, those without any cell only if ``empty_rows``.

    Raises ``DataError`` for a file that has none of the run's columns.
    """
    schema = schema_of(run)
    table = read_table(path, like=schema.form, empty_rows=empty_rows)
    if not any(column.name in table.frame.columns for column in schema.modelled):
        raise DataError(
            expected=f"a column of the run in {path}: {shorten(', '.join(c.name for c in schema.modelled), 100)}",
            got=shorten(", ".join(map(str, table.frame.columns)), 100),
            remedy="give the columns the names that the run was trained with",
        )
    rows = TableRows(table, schema)
    rows.require_support(run.head)
    return rows


def given_evidence(
    schema: Schema, given: str | Mapping[str, str], n: int
) -> tuple[Evidence, Float[Tensor, "n classes"] | None]:
    """Evidence and contexts of ``n`` rows in which columns have given values, as in ``sex=female,age=30``.

    Raises ``SpecError`` for an unknown column, ``DataError`` for a value that is not of its kind.
    """
    event = torch.full((len(schema.coefficients),), torch.nan, dtype=torch.float64)
    context = None
    for name, value in (_parse(given) if isinstance(given, str) else given).items():
        column = _known_column(schema, name)
        if name == schema.target:
            level = int(_number(column, value, schema, encode_levels, "`given`"))
            context = torch.nn.functional.one_hot(torch.tensor(level), len(column.levels)).float()
            continue
        number = cell_value(schema, column, value)
        event[schema.place(name)] = number
        if schema.models_missing and column.missing:
            event[schema.place(name, flag=True)] = 0.0
    return Evidence.observed(event.expand(n, -1)), None if context is None else context.expand(n, -1)


def _parse(given: str) -> dict[str, str]:
    # a comma within a value, as in 20,5, is followed by no other column
    pairs = [item.partition("=") for item in re.split(r",(?=[^,=]*=)", given)]
    if not all(name.strip() and value.strip() for name, _, value in pairs):
        raise SpecError(
            expected="`given` to be COLUMN=VALUE, separated by commas",
            got=repr(given),
            remedy="write sex=female,age=30",
        )
    return {name.strip(): value.strip() for name, _, value in pairs}


def _known_column(schema: Schema, name: str) -> Column:
    usable = [column.name for column in schema.columns if column.modelled]
    column = schema.find(name)
    if column is None or not column.modelled:
        raise SpecError(
            expected="a column of the run for `given`",
            got=repr(name) + (f" ({column.note or column.kind})" if column else ""),
            remedy=nearest(name, usable),
        )
    return column


def _number(column: Column, value: str, schema: Schema, encode_one: Callable[..., Any], source: str) -> float:
    import pandas

    cells: Shaped[np.ndarray, " n"] = np.array([value], object)
    # so that the error names the argument, not a file
    table = TextTable(source, pandas.DataFrame(), schema.form)
    number = float(encode_one(cells, column, table)[0])
    if np.isnan(number):
        raise SpecError(
            expected=f"a value of the column {column.name} for {source}",
            got=repr(value),
            remedy="leave it out if it is unknown",
        )
    return number


def cell_value(schema: Schema, column: Column, text: str, source: str = "`given`") -> float:
    """The number of a cell, which errors say is of ``source``.

    Raises ``DataError`` for a value of another kind, ``SpecError`` for an empty one.
    """
    return _number(column, text, schema, encode_cells, source)


def texts_of(schema: Schema, coefficient: int, values: Sequence[float]) -> list[str]:
    """Values of a coefficient as the table writes them: names of levels, dates, numbers in the column's style."""
    column, flag = schema.coefficients[coefficient]
    if flag:
        return ["yes" if value else "no" for value in values]
    numbers = np.array(values, np.float64)
    return [str(cell) for cell in decode_cells(numbers, column, schema.form.decimal)]


def deviation_text(schema: Schema, coefficient: int, days: float) -> str | None:
    """A standard deviation of dates or times, whose numbers are days, with its unit; None for other columns."""
    column, flag = schema.coefficients[coefficient]
    return duration(SECONDS_PER_DAY * days) if column.date_format and not flag else None


def class_cells(schema: Schema, contexts: Float[Tensor, "n context"] | None) -> list[str] | None:
    """The class of each row as the cell of its column; None without a target."""
    target = schema.target_column
    return None if target is None or contexts is None else [target.levels[k] for k in contexts.argmax(1).tolist()]


def frame_of_values(schema: Schema, values: Float[Tensor, "... columns"]) -> DataFrame:
    """Numbers of each coefficient, such as means, below the names of the columns; cells that are NaN are empty."""
    import pandas

    rows = values.double().cpu().flatten(0, -2).numpy()
    texts = [write_numbers(column, None, schema.form.decimal) for column in rows.T]
    return pandas.DataFrame(dict(zip(schema.coefficient_names, texts, strict=True)), dtype=object)


def observed(events: Float64[Tensor, "n columns"], schema: Schema) -> Evidence:
    """What was observed of rows, for completion: what is missing is as if it had been recorded."""
    events = events.clone()
    for i, (_, flag) in enumerate(schema.coefficients):
        if flag:
            events[:, i] = 0.0
    return Evidence.observed(events)


def blanks(events: Float64[Tensor, "n columns"], schema: Schema) -> Bool[Tensor, "n columns"]:
    """Which coefficients are cells without a value."""
    flags = torch.tensor([flag for _, flag in schema.coefficients])
    return events.isnan() & ~flags
