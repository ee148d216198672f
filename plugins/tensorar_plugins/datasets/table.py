"""Tables of numbers in text files."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from tensorar import DataError, SpecError, Splits
from tensorar_plugins.datasets.array_files import expand
from tensorar_plugins.datasets.splitting import SplitFile, split

# a tab is hard to type in most shells
DELIMITERS = {"tab": "\t", r"\t": "\t"}
MISSING_VALUES = ("", "na", "nan", "n/a", "null", "?")

Row = tuple[int, list[str]]  # line number and cells


@dataclass(frozen=True, kw_only=True)
class Table(SplitFile):
    """Your own table of numbers from a text file, an event per row; shuffled and split.

    Options:
        delimiter: Delimiter of the cells, one character or ``tab``.
        header: Whether the first row holds the names of the columns (none: if none of its cells is a number).
        standardize: Whether to scale columns to mean 0 and standard deviation 1 over the training events.
    """

    name = "csv"
    delimiter: str = ","
    header: bool | None = None
    standardize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        delimiter = DELIMITERS.get(self.delimiter, self.delimiter)
        if len(delimiter) != 1 or delimiter in '\r\n"':
            raise SpecError(
                expected=f"the delimiter of {self.name} to be one character, or tab",
                got=repr(self.delimiter),
                remedy="write for example delimiter=;",
            )

    def load(self) -> Splits:
        rows = self._without_header(self._rows())
        self._check_widths(rows)
        events = torch.tensor([self._numbers(line, cells) for line, cells in rows], dtype=torch.float64)
        splits = split(events, [self.valid_fraction, self.test_fraction], self.seed, where=self.path)
        return Splits(*(standardized(splits) if self.standardize else splits))

    def _rows(self) -> list[Row]:
        """The rows that are not blank."""
        delimiter = DELIMITERS.get(self.delimiter, self.delimiter)
        try:
            # spreadsheets write a byte order mark, which would become part of the first cell
            with expand(self.path).open(newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file, delimiter=delimiter, strict=True)
                return [(reader.line_num, cells) for cells in reader if cells]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                expected=f"{self.path} to be a table in UTF-8 text",
                got=_describe(error),
                remedy="check the path and the file",
            ) from error

    def _without_header(self, rows: list[Row]) -> list[Row]:
        header = bool(rows) and is_header(rows[0][1]) if self.header is None else self.header
        return rows[1:] if header else rows

    def _check_widths(self, rows: Sequence[Row]) -> None:
        for line, cells in rows:
            if len(cells) != len(rows[0][1]):
                raise DataError(
                    expected=f"{len(rows[0][1])} cells in line {line} of {self.path}, as in line {rows[0][0]}",
                    got=str(len(cells)),
                    remedy="use the same number of cells in all rows, or check delimiter",
                )

    def _numbers(self, line: int, cells: Sequence[str]) -> list[float]:
        for column, cell in enumerate(cells, 1):
            if not is_number(cell):
                raise self._not_a_number(f"line {line}, column {column} of {self.path}", cell.strip())
        return [float(cell) for cell in cells]

    def _not_a_number(self, where: str, cell: str) -> DataError:
        if cell.lower() in MISSING_VALUES:
            return DataError(
                expected=f"a number in {where}",
                got=repr(cell) if cell else "an empty cell",
                remedy="missing values are not supported yet: fill them in, or drop the row",
            )
        return DataError(
            expected=f"a number in {where}",
            got=repr(cell),
            remedy="correct it, drop the column, or check delimiter and header (header=true if it is a column's name)",
        )


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row contains names and no numbers; a row of missing values only is no header."""
    return not any(map(is_number, cells)) and any(cell.strip().lower() not in MISSING_VALUES for cell in cells)


def is_number(cell: str) -> bool:
    """Whether a cell is a finite decimal number without the underscores that Python allows."""
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def standardized(splits: Sequence[Float64[Tensor, "_ columns"]]) -> list[Float64[Tensor, "_ columns"]]:
    """Shift and scale the columns by their mean and standard deviation in the first split.

    Constant columns are only shifted.
    """
    mean, std = splits[0].mean(0), splits[0].std(0, correction=0)
    return [(events - mean) / torch.where(std > 0, std, 1.0) for events in splits]


def _describe(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "another encoding" if isinstance(error, UnicodeDecodeError) else str(error)
