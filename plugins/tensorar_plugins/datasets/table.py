"""Tables of numbers in text files."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float64

from tensorar import DataError, SpecError, Splits
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import shorten
from tensorar_plugins.datasets.decimals import (
    MAX_CHARACTERS,
    LostDigits,
    is_large_integer,
    loses_digits,
    parse_number,
)
from tensorar_plugins.datasets.splitting import SplitNumbers
from tensorar_plugins.datasets.text_rows import Row, TextRows, open_rows

# a tab is hard to type in most shells
DELIMITERS = {"tab": "\t", r"\t": "\t"}
MISSING_VALUES = ("", "na", "nan", "n/a", "null", "?")
NUMBERS_PER_MEMORY_CHECK = 2**20


@dataclass(frozen=True, kw_only=True)
class Table(SplitNumbers):
    """Your own table of numbers from a text file, an event per row; shuffled and split.

    Numbers become float64. Integers that float64 does not hold are refused, and so are decimals of one column that
    differ in the file but not in float64.

    Options:
        delimiter: Delimiter of the cells, one character or ``tab``.
        header: Whether the first row holds the names of the columns (none: if none of its cells is a number).
        missing: Whether cells that are empty, or hold NA, NaN, N/A, null or ?, are values that were not observed;
            models are then trained on what was. Without it, such a cell is an error.
    """

    name = "csv"
    delimiter: str = ","
    header: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self._delimiter) != 1 or self._delimiter in '\r\n"':
            raise SpecError(
                expected=f"the delimiter of {self.name} to be one character, or tab",
                got=repr(self.delimiter),
                remedy="write for example delimiter=;",
            )

    @property
    def _delimiter(self) -> str:
        """The delimiter as one character."""
        return DELIMITERS.get(self.delimiter, self.delimiter)

    def load(self) -> Splits:
        return self.split_all(torch.from_numpy(self._read()))

    def _read(self) -> Float64[np.ndarray, "n columns"]:
        lost = LostDigits()
        with open_rows(self.path, self._delimiter) as rows:
            numbers, width = self._numbers(rows, lost)
        table = np.frombuffer(numbers, np.float64).reshape(-1, width)
        merged = lost.find_merged(table)
        if merged is not None:
            raise self._merged(*merged)
        return table

    def _numbers(self, rows: TextRows, lost: LostDigits) -> tuple[array[float], int]:
        """All numbers, row by row, and the number of columns."""
        numbers, first, checked = array("d"), (0, [""]), 0
        for line, cells in self._without_header(rows):
            first = first if numbers else (line, cells)
            self._check_width(line, cells, first)
            for column, cell in enumerate(cells, 1):
                numbers.append(self._number(cell, line, column, len(numbers), lost))
            if len(numbers) >= checked:
                self._require_memory(len(numbers), rows.fraction)
                checked = len(numbers) + NUMBERS_PER_MEMORY_CHECK
        return numbers, len(first[1])

    def _number(self, cell: str, line: int, column: int, index: int, lost: LostDigits) -> float:
        number = parse_number(cell)
        if number is None and self.missing and is_missing(cell):
            return math.nan
        if number is None:
            raise _not_a_number(f"line {line}, column {column} of {self.path}", cell.strip())
        if loses_digits(cell, number):
            if is_large_integer(cell, number):
                raise _inexact_integer(f"line {line}, column {column} of {self.path}", cell.strip())
            lost.add(index, cell)
        return number

    def _require_memory(self, count: int, fraction: float) -> None:
        total = round(count / max(fraction, 1e-9))
        require_memory(8 * (total - count), f"about {total} numbers in {self.path}", error=DataError)

    def _without_header(self, rows: Iterable[Row]) -> Iterator[Row]:
        for i, row in enumerate(rows):
            if i > 0 or not (is_header(row[1]) if self.header is None else self.header):
                yield row

    def _check_width(self, line: int, cells: Sequence[str], first: Row) -> None:
        if len(cells) != len(first[1]):
            raise DataError(
                expected=f"{len(first[1])} cells in line {line} of {self.path}, as in line {first[0]}",
                got=str(len(cells)),
                remedy="use the same number of cells in all rows, or check delimiter",
            )

    def _merged(self, first: int, second: int, column: int) -> DataError:
        with open_rows(self.path, self._delimiter) as rows:
            wanted = islice(self._without_header(rows), first, second + 1, second - first)
            got = [f"{_quote(cells[column].strip())} in line {line}" for line, cells in wanted]
        return DataError(
            expected=f"numbers that float64 keeps apart in column {column + 1} of {self.path}",
            got=" and ".join(got),
            remedy="subtract a constant from the column before it is rounded, round it yourself, or drop it",
        )


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value."""
    return cell.strip().lower() in MISSING_VALUES


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row contains names and no numbers; a row of missing values only is no header."""
    return all(parse_number(cell) is None for cell in cells) and not all(map(is_missing, cells))


def _inexact_integer(where: str, cell: str) -> DataError:
    return DataError(
        expected=f"an integer that float64 holds exactly in {where}",
        got=_quote(cell),
        remedy="subtract a constant from the column, or drop it (or save int64 with numpy.save, and use npy)",
    )


def _not_a_number(where: str, cell: str) -> DataError:
    remedy = "correct it, drop the column, or check delimiter and header (header=true if it is a column's name)"
    if is_missing(cell):
        remedy = "set missing=true if it was not observed, fill it in, or drop the row"
    return DataError(
        expected=f"a number in {where}" + (f" of at most {MAX_CHARACTERS} characters" * (len(cell) > MAX_CHARACTERS)),
        got=_quote(cell) if cell else "an empty cell",
        remedy=remedy,
    )


def _quote(cell: str) -> str:
    return repr(shorten(cell, 60))
