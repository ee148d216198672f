"""Headers of tables: whether the first row has names, and names for all columns."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from tensorar.tables.cells import NUMBER
from tensorar.utils.reading import shorten
from tensorar.utils.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame

YEAR = re.compile(r"(1[5-9]|2[01])\d\d")


def is_header(cells: Any) -> bool:
    """Whether a row holds names: some text, and no numbers but those that only count the columns, or years."""
    names = [cell for cell in cells if cell]
    numbers = [name for name in names if NUMBER.fullmatch(name.replace(",", "."))]
    return counts_columns(cells) or names_years(cells) or (bool(names) and not numbers)


def counts_columns(cells: Any) -> bool:
    """Whether a row is 0, 1, 2, ...: three or more numbers, or fewer after an empty cell, above those of the rows."""
    first, *others = map(str, cells)
    names = others if not first else [first, *others]
    return len(names) >= (1 if not first else 3) and names == [str(i) for i in range(len(names))]


def names_years(cells: Any) -> bool:
    """Whether the numbers in a row are three or more years in equal steps, as above the columns of a wide table."""
    numbers = [cell for cell in map(str, cells) if NUMBER.fullmatch(cell.replace(",", "."))]
    years = [int(cell) for cell in numbers if YEAR.fullmatch(cell)]
    steps = {after - before for before, after in pairwise(years)}
    return 3 <= len(years) == len(numbers) and len(steps) == 1 and steps != {0}


def header_notes(cells: Any, has_header: bool) -> list[str]:
    """A note on a header that was missed, or that is unusual."""
    if not has_header:
        return ["no header: columns are called column 1, column 2, ... (header=true if the first row has names)"]
    if counts_columns(cells):
        return ["header: the first row only counts the columns, which are called so (header=false if it is a row)"]
    if names_years(cells):
        return ["header: the first row has years, and the columns are called so (header=false if it is a row)"]
    return []


def below_titles(
    frame: DataFrame, empty: Bool[np.ndarray, " rows"], top: DataFrame, empty_rows: bool
) -> tuple[DataFrame, list[str]]:
    """The rows from the header on, without those that are ``empty`` unless ``empty_rows``, and what was left out.

    ``top`` is the text of the first rows.
    """
    above, titles = _rows_above(top)
    kept = (np.arange(len(frame)) >= above) & (empty_rows | ~empty)
    count = int((empty & ~kept).sum())
    notes = [f"{counted(count, 'empty row')} left out"] if count else []
    notes += [f"left out above the table: {shorten('; '.join(titles), 100)}"] if titles else []
    return frame[kept].reset_index(drop=True), notes


def _rows_above(top: DataFrame) -> tuple[int, list[str]]:
    """How many rows are above a table of several columns, and the titles in them: texts alone in their rows.

    Of fewer than three columns, a row with the first cell only may be one of the table.
    """
    titles: list[str] = []
    for i, (first, *others) in enumerate(top.itertuples(index=False)):
        is_title = len(others) > 1 and first and not NUMBER.fullmatch(first)
        if not others or any(others) or (first and not is_title):
            return i, titles
        titles += [first] if first else []
    return 0, []


def named_columns(cells: DataFrame, has_header: bool) -> tuple[DataFrame, dict[str, str]]:
    """The rows with named columns, and the names that had to be changed: those that are empty or occur twice."""
    header = cells.iloc[0] if has_header else [""] * cells.shape[1]
    names: list[str] = []
    changed = {}
    for i, name in enumerate(map(str, header)):
        unique = name or f"column {i + 1}"
        if unique in names:
            unique = next(f"{name}.{k}" for k in range(1, cells.shape[1] + 1) if f"{name}.{k}" not in names)
        if has_header and unique != name:
            changed[unique] = name
        names.append(unique)
    frame = cells.iloc[1:] if has_header else cells
    return frame.set_axis(names, axis=1).reset_index(drop=True), changed
