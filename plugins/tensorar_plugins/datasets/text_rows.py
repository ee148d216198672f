"""Rows of cells from a text file, one at a time, in bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorar.utils.reading import open_file, unreadable

MAX_ROW_CHARACTERS = 2**22
WHAT = "a table in UTF-8 text"

Row = tuple[int, list[str]]  # line number and cells


@contextmanager
def open_rows(path: str | Path, delimiter: str) -> Iterator[TextRows]:
    """Open a table to iterate over its rows. Errors in the body become ``DataError``, too."""
    try:
        with open_file(path, WHAT) as file:
            # spreadsheets write a byte order mark, which would become part of the first cell
            yield TextRows(io.TextIOWrapper(file.data, encoding="utf-8-sig", newline=""), file.size, delimiter)
    except csv.Error as error:
        raise unreadable(path, WHAT, error) from error


class TextRows:
    """Iterates over the rows that are not blank. Raises ``csv.Error`` for text that is not a table."""

    def __init__(self, text: io.TextIOBase, size: int, delimiter: str) -> None:
        self._text, self._size, self._delimiter = text, size, delimiter
        self._row_characters, self._characters = 0, 0

    @property
    def fraction(self) -> float:
        """About how much of the file has been read, from 0 to 1."""
        return self._characters / max(self._size, 1)

    def __iter__(self) -> Iterator[Row]:
        reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        try:
            for cells in reader:
                self._row_characters = 0
                if cells:
                    yield reader.line_num, cells
        except UnicodeDecodeError as error:
            raise csv.Error("another encoding") from error

    def _lines(self) -> Iterator[str]:
        number = 0
        while line := self._text.readline(MAX_ROW_CHARACTERS + 1):
            number += 1
            self._row_characters += len(line)
            self._characters += len(line)
            if "\0" in line:
                raise csv.Error(f"a NUL character in line {number}")
            if self._row_characters > MAX_ROW_CHARACTERS:
                raise csv.Error(f"a row of more than {MAX_ROW_CHARACTERS} characters in line {number}")
            if self._characters > self._size:
                raise csv.Error("a file that grows while it is read")
            yield line
