"""Tables of numbers in text files."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass

import torch

from tensorar import DataError, SpecError, Splits
from tensorar_plugins.datasets.array_files import expand
from tensorar_plugins.datasets.splitting import SplitFile, split

# a tab cannot be typed in most shells
DELIMITERS = {"tab": "\t", r"\t": "\t"}
MISSING = ("", "na", "nan", "n/a", "null", "?")


@dataclass(frozen=True, kw_only=True)
class Table(SplitFile):
    """Your own table of numbers from a text file, an event per row; shuffled by the seed and split.

    A first row without a single number is taken for the header unless ``header`` says otherwise. ``delimiter`` is one
    character, or ``tab``. With ``standardize`` the columns have mean 0 and standard deviation 1 over the training part.
    """

    name = "csv"
    delimiter: str = ","
    header: bool | None = None
    standardize: bool = False

    def __post_init__(self):
        super().__post_init__()
        delimiter = DELIMITERS.get(self.delimiter, self.delimiter)
        if len(delimiter) != 1 or delimiter in '\r\n"':
            raise SpecError(
                expected=f"{self.name}'s delimiter to be one character, or tab",
                got=repr(self.delimiter),
                remedy="write for example delimiter=;",
            )

    def load(self):
        rows = self._without_header(self._rows())
        self._check_widths(rows)
        events = torch.tensor([self._numbers(line, cells) for line, cells in rows], dtype=torch.float64)
        parts = split(events, [self.valid_fraction, self.test_fraction], self.seed, where=self.path)
        return Splits(*(standardized(parts) if self.standardize else parts))

    def _rows(self):
        """The rows that are not blank, each with the number of its line."""
        delimiter = DELIMITERS.get(self.delimiter, self.delimiter)
        try:
            # spreadsheets write a byte order mark, which would be part of the first cell
            with expand(self.path).open(newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file, delimiter=delimiter, strict=True)
                return [(reader.line_num, cells) for cells in reader if cells]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                expected=f"{self.path} to be a table as UTF-8 text",
                got=_what(error),
                remedy="check the path and the file",
            ) from error

    def _without_header(self, rows):
        header = bool(rows) and names_columns(rows[0][1]) if self.header is None else self.header
        return rows[1:] if header else rows

    def _check_widths(self, rows):
        for line, cells in rows:
            if len(cells) != len(rows[0][1]):
                raise DataError(
                    expected=f"{len(rows[0][1])} cells in line {line} of {self.path}, as in line {rows[0][0]}",
                    got=str(len(cells)),
                    remedy="give all rows the same columns, or check delimiter",
                )

    def _numbers(self, line, cells):
        for column, cell in enumerate(cells, 1):
            if not is_number(cell):
                raise self._not_a_number(f"line {line}, column {column} of {self.path}", cell.strip())
        return [float(cell) for cell in cells]

    def _not_a_number(self, where, cell):
        if cell.lower() in MISSING:
            return DataError(
                expected=f"a number in {where}",
                got=repr(cell) if cell else "an empty cell",
                remedy="missing values are not supported yet: fill them, or drop the row",
            )
        return DataError(
            expected=f"a number in {where}",
            got=repr(cell),
            remedy="correct it, drop the column, or check delimiter and header (header=true if it is a column's name)",
        )


def names_columns(cells: list[str]) -> bool:
    """Whether a row has names and no number; one of missing values alone has no names."""
    return not any(map(is_number, cells)) and any(cell.strip().lower() not in MISSING for cell in cells)


def is_number(cell: str) -> bool:
    """Whether a cell is a finite decimal number, as other programs write them too."""
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def standardized(parts):
    """The parts with the mean and standard deviation of the first one's columns removed; constant ones stay narrow."""
    mean, std = parts[0].mean(0), parts[0].std(0, correction=0)
    return [(part - mean) / torch.where(std > 0, std, 1.0) for part in parts]


def _what(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "another encoding" if isinstance(error, UnicodeDecodeError) else str(error)
