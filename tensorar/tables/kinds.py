"""Columns of a kind: their levels, the form of their cells, and the head that suits them."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from jaxtyping import Shaped

from tensorar.errors import DataError
from tensorar.tables.cells import CODE, decimals_of, numbers_of
from tensorar.tables.dates import date_format_of, days_of, step_of
from tensorar.tables.forms import TextTable
from tensorar.tables.number_style import style_of
from tensorar.tables.schema import Column, ColumnKind
from tensorar.utils.reading import shorten

# a whole number of so few values, that each occur often enough, has a probability for each
MAX_WHOLE_LEVELS, MIN_OCCURRENCES = 50, 5
OTHER = "other"
DENSITY = "gaussian_mixture:components=5,units=normal"


def of_kind(kind: str, name: str, known: Shaped[np.ndarray, " m"], table: TextTable) -> Column:
    """A column of a kind. Raises ``DataError`` for cells that are not of it."""
    if kind == "constant":
        if len(values := np.unique(known.astype(str))) > 1:
            raise _not_of_kind(name, kind, f"{len(values)} values", table)
        return Column(name, "constant", constant=str(known[0]) if len(known) else "")
    if kind == "date":
        form = date_format_of(known)
        if form is None:
            raise _not_of_kind(name, kind, str(known[0]) if len(known) else "no dates", table)
        return Column(name, "date", date_format=form, date_step=step_of(days_of(known, form)))
    style = style_of(known, table.form.decimal)
    numbers = numbers_of(style.plain(known), table.form.decimal)
    if kind in ("whole", "real"):
        wrong = np.isnan(numbers) | (kind == "whole" and numbers != np.round(numbers))
        if wrong.any() or not len(known):
            raise _not_of_kind(name, kind, str(known[wrong][0]) if len(known) else "no numbers", table)
        decimals = 0 if kind == "whole" else decimals_of(style.plain(known))
        levels = _whole_levels(numbers) if kind == "whole" else ()
        found: ColumnKind = "whole" if kind == "whole" else "real"
        return Column(name, found, levels, decimals=decimals, **asdict(style))
    levels = _levels(known, numbers)
    if kind == "bit" and len(levels) != 2:
        raise _not_of_kind(name, "bit (two values)", f"{len(levels)} values", table)
    return Column(name, "bit" if kind == "bit" else "category", levels)


def _whole_levels(numbers: Shaped[np.ndarray, " m"]) -> tuple[str, ...]:
    found = np.unique(numbers)
    return tuple(f"{value:.0f}" for value in found) if are_few(len(found), len(numbers)) and len(found) > 1 else ()


def are_few(distinct: int, count: int) -> bool:
    """Whether values are so few, and occur so often, that each has a probability."""
    return distinct <= MAX_WHOLE_LEVELS and MIN_OCCURRENCES * distinct <= count


def _levels(known: Shaped[np.ndarray, " m"], numbers: Shaped[np.ndarray, " m"]) -> tuple[str, ...]:
    """The values that occur, numbers by size and other text by letter."""
    if len(known) and not np.isnan(numbers).any() and not any(map(CODE.fullmatch, known)):
        _, first = np.unique(numbers, return_index=True)
        return tuple(str(known[i]) for i in first)
    return tuple(str(value) for value in np.unique(known.astype(str)))


def with_other(column: Column, known: Shaped[np.ndarray, " m"], min_count: int) -> Column:
    """The column with its rare levels as one, called other."""
    names, counts = np.unique(known.astype(str), return_counts=True)
    rare = {str(name) for name, count in zip(names, counts, strict=True) if count < min_count}
    kept = tuple(level for level in column.levels if level not in rare)
    if len(kept) == len(column.levels) or not kept:
        return column
    other = OTHER if OTHER not in kept else f"{OTHER} values"
    return replace(column, levels=(*kept, other), other=other)


def head_of(column: Column, known: Shaped[np.ndarray, " m"], table: TextTable) -> str:
    """The spec of the head that suits a column."""
    if column.kind == "bit":
        return "bernoulli"
    if column.kind == "category":
        return f"categorical:levels={max(2, len(column.levels))},one_hot=true"
    if column.levels:
        return f"categorical:values='{' '.join(column.levels)}'"
    if column.kind == "whole":
        numbers = numbers_of(column.style.plain(known), table.form.decimal)
        # counts of a long tail, not ages or weights
        return "negative_binomial" if numbers.min() >= 0 and numbers.max() > 10 * numbers.mean() else DENSITY
    return DENSITY if column.modelled else ""


def _not_of_kind(name: str, kind: str, got: str, table: TextTable) -> DataError:
    return DataError(
        expected=f"the column {name} of {table.path} to be {kind}",
        got=repr(shorten(got, 60)),
        remedy="correct the cell, or choose another kind with types",
    )
