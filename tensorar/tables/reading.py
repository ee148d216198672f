"""Read tables from text, Parquet and Excel files as text cells; what is found about the file is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorar.errors import DataError
from tensorar.tables.text import (
    MEMORY_PER_BYTE,
    WHAT,
    counts_columns,
    find_decimal,
    find_delimiter,
    first_rows,
    is_header,
    lines_of,
    marked_lines,
    named_columns,
    parse_cells,
    text_of,
    with_whole_header,
    without_comments,
)
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import expand, open_file, shorten, unreadable
from tensorar.utils.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame

EXTRAS = {".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel"}
MIDNIGHT = " 00:00:00"
DELIMITERS = {"tab": "\t", r"\t": "\t", "space": " "}
DELIMITER_NAMES = {"\t": "tab", r"\s+": "spaces"}


@dataclass(frozen=True)
class FileForm:
    """How a table was written, so that others can be written alike."""

    suffix: str = ".csv"
    delimiter: str = ","
    decimal: str = "."
    header: bool = True


@dataclass(frozen=True, eq=False)
class TextTable:
    """The cells of a table as stripped text, by column; ``notes`` say what was found about the file."""

    path: str
    frame: DataFrame
    form: FileForm
    notes: list[str] = field(default_factory=list)


def read_table(
    path: str | Path,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    like: FileForm | None = None,
) -> TextTable:
    """A table from a file; delimiter, decimal sign and header are found unless they are given.

    ``like`` is the form of the file that it resembles: its header, and what the file itself leaves open. Raises
    ``DataError``.
    """
    suffix = expand(path).suffix.lower()
    if suffix in EXTRAS:
        return _read_typed(path, suffix)
    text, notes = text_of(path)
    lines = lines_of(text)
    marked = marked_lines(lines)
    sample = first_rows(lines, marked)
    if not sample:
        raise _no_rows(path)
    usual = like.delimiter if like else None
    separator = DELIMITERS.get(delimiter or "", delimiter) or find_delimiter(sample, usual)
    lines, comments = without_comments(lines, marked, separator)
    cells = parse_cells("".join(with_whole_header(lines, separator)), separator, path)
    header = like.header if like and header is None else header
    has_header = is_header(cells.iloc[0]) if header is None else header
    frame, renamed = named_columns(cells, has_header)
    if not len(frame):
        raise _no_rows(path)
    sign = decimal or find_decimal(frame, like.decimal if like else ".")
    notes += [f"{counted(comments, 'comment line')} left out"] if comments else []
    name = DELIMITER_NAMES.get(separator, separator)
    notes += [f"delimiter: {name}"] if delimiter is None and separator != "," else []
    notes += ["decimal sign: comma"] if decimal is None and sign == "," else []
    if header is None and not has_header:
        notes.append("no header: columns are called column 1, column 2, ... (header=true if the first row has names)")
    elif header is None and counts_columns(cells.iloc[0]):
        notes.append("header: the first row only counts the columns, which are called so (header=false if it is a row)")
    notes += [f"columns of the same name were numbered: {shorten(', '.join(renamed), 100)}"] if renamed else []
    return TextTable(str(path), frame, FileForm(_ending(path), separator, sign, has_header), notes)


def _no_rows(path: str | Path) -> DataError:
    return DataError(expected=f"rows in {path}", got="none", remedy="pass a table with a row per event")


def _ending(path: str | Path) -> str:
    name = Path(path).name.lower()
    return next((ending for ending in (".csv.gz", ".tsv.gz", ".tsv") if name.endswith(ending)), ".csv")


def _read_typed(path: str | Path, suffix: str) -> TextTable:
    """The cells of a Parquet or Excel file, written as text."""
    import pandas

    with open_file(path, WHAT) as file:
        require_memory(MEMORY_PER_BYTE * file.size, f"the cells of {path}", error=DataError)
        try:
            frame = pandas.read_excel(file.data) if suffix == ".xlsx" else pandas.read_parquet(file.data)
        except ImportError as error:
            raise DataError(
                expected=f"the library that reads {path}",
                got="none installed",
                remedy=f"pip install tensorar[{EXTRAS[suffix]}]",
            ) from error
        except Exception as error:  # both libraries raise almost any exception for a damaged file
            raise unreadable(path, WHAT, error) from error
    if not len(frame):
        raise _no_rows(path)
    texts = {str(name): _texts(frame[name].astype(object)) for name in frame.columns}
    return TextTable(str(path), pandas.DataFrame(texts, dtype=object), FileForm(suffix))


def _texts(cells: Iterable[Any]) -> list[str]:
    """Cells as text; dates without the time of day if it is midnight for all of them."""
    texts = [_text(cell) for cell in cells]
    all_at_midnight = all(text.endswith(MIDNIGHT) for text in texts if text)
    return [text.removesuffix(MIDNIGHT) for text in texts] if all_at_midnight else texts


def _text(cell: Any) -> str:
    import pandas

    if pandas.isna(cell):
        return ""
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell).strip()
