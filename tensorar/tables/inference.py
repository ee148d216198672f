"""Infer the schema of a table: bits, categories, whole and real numbers, dates, constants, and what only counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Shaped

from tensorar.errors import DataError, SpecError
from tensorar.parts.spec import nearest
from tensorar.tables.cells import CODE, is_missing, numbers_of
from tensorar.tables.dates import CLOCK_FORMATS, date_format_of
from tensorar.tables.forms import TextTable
from tensorar.tables.kinds import are_few, head_of, of_kind, with_other
from tensorar.tables.number_style import style_of
from tensorar.tables.schema import KINDS, Column, ColumnKind, Schema
from tensorar.utils.reading import shorten

# columns of fewer rows are not ids
MIN_ROWS_OF_IDS = 8
ID_NAME = re.compile(r"(.*[_\W])?(id|index|idx|key|uuid|no|nr|number)|.*Id|.*ID", re.IGNORECASE)
MAX_EXACT_INTEGER = 2**53
# codes such as 1, 2, 3, A are levels; a hundred numbers and a word are not
MAX_NUMBERED_LEVELS, MIN_ROWS_OF_LEVELS = 10, 30


@dataclass(frozen=True)
class Wishes:
    """What the user sets of a schema: kinds and heads by column, columns to use or to drop, and the class.

    Levels that occur less than ``min_count`` times become one, called other.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[str] = ()
    drop: Sequence[str] = ()
    target: str | None = None
    min_count: int | None = None
    models_missing: bool = False


def infer(table: TextTable, wishes: Wishes) -> Schema:
    """The schema of a table. Raises ``DataError``, ``SpecError`` for wishes that do not fit it."""
    _check_names(table, wishes)
    columns = tuple(_column(str(name), table, wishes) for name in table.frame.columns)
    schema = Schema(columns, table.form, wishes.target, wishes.models_missing)
    if not schema.modelled:
        raise DataError(
            expected=f"a column to model in {table.path}",
            got=shorten("; ".join(f"{c.name}: {c.note or c.kind}" for c in columns), 200),
            remedy="choose one with columns, and its kind with types",
        )
    _check_target(schema, table)
    return schema


def _check_names(table: TextTable, wishes: Wishes) -> None:
    known = [str(name) for name in table.frame.columns]
    target = [] if wishes.target is None else [wishes.target]
    for name in [*wishes.types, *wishes.heads, *wishes.columns, *wishes.drop, *target]:
        if name not in known:
            raise SpecError(expected=f"a column of {table.path}", got=repr(name), remedy=nearest(name, known))
    for name, kind in wishes.types.items():
        if kind not in KINDS[:-1]:
            raise SpecError(expected=f"a kind of the column {name}", got=repr(kind), remedy=nearest(kind, KINDS[:-1]))


def _check_target(schema: Schema, table: TextTable) -> None:
    column = schema.target_column
    if column is not None and not column.levels:
        raise SpecError(
            expected="a target of few values, which are classes",
            got=f"the column {column.name} ({column.note or column.kind})",
            remedy="leave target out: a number is modelled with the others, and sample --given conditions on it",
        )
    if column is not None and column.missing:
        row = int(is_missing(table.frame[column.name].to_numpy(object)).argmax())
        raise DataError(
            expected=f"a class in the column {column.name} of each row of {table.path}",
            got=f"an empty cell in row {row + 1}",
            remedy="fill it in, or drop the row",
        )


def _column(name: str, table: TextTable, wishes: Wishes) -> Column:
    wanted = wishes.types.get(name)
    if name in wishes.drop or (wishes.columns and name not in wishes.columns and name != wishes.target):
        return Column(name, "left out", note="dropped")
    cells = table.frame[name].to_numpy(object)
    missing = is_missing(cells)
    known = cells[~missing]
    column = of_kind(wanted, name, known, table) if wanted else _inferred(name, cells, known, table, wishes)
    if wishes.min_count and column.kind == "category":
        column = with_other(column, known, wishes.min_count)
    column = replace(column, missing=bool(missing.any()) and column.kind != "constant")
    head = wishes.heads.get(name) or head_of(column, known, table)
    return replace(column, head=head) if column.modelled else column


def _inferred(
    name: str, cells: Shaped[np.ndarray, " n"], known: Shaped[np.ndarray, " m"], table: TextTable, wishes: Wishes
) -> Column:
    """The column by what its cells look like."""
    distinct = np.unique(known.astype(str))
    if len(distinct) == 0:
        return Column(name, "left out", note="always missing")
    if len(distinct) == 1:
        return Column(name, "constant", constant=str(known[0]))
    numbers = numbers_of(style_of(known, table.form.decimal).plain(known), table.form.decimal)
    numeric = not np.isnan(numbers).any() and not any(map(CODE.fullmatch, distinct))
    if numeric and len(np.unique(numbers)) == 1:
        return Column(name, "constant", constant=str(known[0]))
    _require_few_words(name, cells, known, numbers, table)
    if name != wishes.target and name not in wishes.columns:
        reason = _why_left_out(name, cells, known, distinct, numbers if numeric else None)
        if reason:
            return Column(name, "left out", note=reason)
    if numeric:
        whole = bool((numbers == np.round(numbers)).all())
        if whole and np.abs(numbers).max() >= MAX_EXACT_INTEGER:
            largest = str(known[np.abs(numbers).argmax()])
            row = int((cells == largest).argmax()) + 1
            raise DataError(
                expected=f"whole numbers that float64 holds exactly in column {name}, row {row} of {table.path}",
                got=repr(largest),
                remedy="subtract a constant, leave it out with drop, or set its kind in types (real or category)",
            )
        kind: ColumnKind = "bit" if len(np.unique(numbers)) == 2 else "whole" if whole else "real"
    else:
        kind = "bit" if len(distinct) == 2 else "date" if _are_dates(known, len(distinct)) else "category"
    return of_kind(kind, name, known, table)


def _are_dates(known: Shaped[np.ndarray, " m"], distinct: int) -> bool:
    """Whether all cells are dates, or times of the day; a few times that occur again and again are a schedule."""
    form = date_format_of(known)
    return form is not None and not (form in CLOCK_FORMATS and are_few(distinct, len(known)))


def _require_few_words(
    name: str,
    cells: Shaped[np.ndarray, " n"],
    known: Shaped[np.ndarray, " m"],
    numbers: Shaped[np.ndarray, " m"],
    table: TextTable,
) -> None:
    """Raise ``DataError`` for a column of many numbers and a few words, which are slips rather than levels."""
    words = np.isnan(numbers)
    different = len(np.unique(numbers[~words]))
    many = different > MAX_NUMBERED_LEVELS or len(known) < MIN_ROWS_OF_LEVELS
    if words.any() and many and words.mean() < 0.5 and different >= 2 * len(np.unique(known[words].astype(str))):
        word = str(known[words][0])
        raise DataError(
            expected=f"a number in column {name}, row {int((cells == word).argmax()) + 1} of {table.path}",
            got=repr(shorten(word, 60)),
            remedy=f'correct it, empty it, or set its kind: types="{name}=category"',
        )


def _why_left_out(
    name: str,
    cells: Shaped[np.ndarray, " n"],
    known: Shaped[np.ndarray, " m"],
    distinct: Shaped[np.ndarray, " k"],
    numbers: Shaped[np.ndarray, " m"] | None,
) -> str:
    """Why a column says nothing of the others: it counts the rows, or is a different id in each."""
    if len(distinct) < len(known) or len(cells) < MIN_ROWS_OF_IDS:
        return ""
    if numbers is None:
        return "" if date_format_of(known) else f"all {len(known)} values differ"
    if len(known) == len(cells) and bool((np.diff(numbers) == 1).all()):
        return "it counts the rows"
    whole = bool((numbers == np.round(numbers)).all())
    return f"an id: all {len(known)} values differ" if whole and ID_NAME.fullmatch(name) else ""


def describe_left_out(schema: Schema) -> list[str]:
    """A line on the columns that were left out without having been dropped."""
    left = [f"{c.name} ({c.note})" for c in schema.columns if c.kind == "left out" and c.note != "dropped"]
    return [f"left out: {', '.join(left)}; name a column's kind in types to keep it"] if left else []
