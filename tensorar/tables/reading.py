"""Read tables from text, Parquet and Excel files as text cells; what is found about the file is said."""

from __future__ import annotations

import re
from pathlib import Path

from tensorar.tables.forms import EXTRAS, FileForm, TextTable, check_kind, no_rows, numbered_names
from tensorar.tables.header import below_titles, header_notes, is_header, named_columns
from tensorar.tables.lines import (
    SAMPLE_LINES,
    find_delimiter,
    first_rows,
    lines_of,
    marked_lines,
    with_whole_header,
    without_blanks,
    without_comments,
    without_named_delimiter,
)
from tensorar.tables.text import find_decimal, parse_cells, text_of
from tensorar.tables.typed import read_typed
from tensorar.utils.reading import expand
from tensorar.utils.words import counted

# Ctrl-Z ends files of DOS
END_OF_FILE = re.compile(r"\x1a\s*\Z")
DELIMITERS = {"tab": "\t", r"\t": "\t", "space": " "}
DELIMITER_NAMES = {"\t": "tab", r"\s+": "spaces"}


def read_table(
    path: str | Path,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    like: FileForm | None = None,
    empty_rows: bool = False,
) -> TextTable:
    """A table from a file; delimiter, decimal sign and header are found unless they are given.

    ``like`` is the form of the file that it resembles: its header, and what the file itself leaves open. Rows without
    any cell are left out, unless ``empty_rows``. Raises ``DataError``.
    """
    check_kind(path)
    suffix = expand(path).suffix.lower()
    if suffix in EXTRAS:
        return read_typed(path, suffix, like.header if like and header is None else header, empty_rows)
    text, encoding = text_of(path)
    lines, named = without_named_delimiter(lines_of(END_OF_FILE.sub("", text)))
    marked = marked_lines(lines)
    sample = first_rows(lines, marked)
    if not sample:
        raise no_rows(path)
    usual = like.delimiter if like else None
    separator = DELIMITERS.get(delimiter or "", delimiter) or named or find_delimiter(sample, usual)
    lines, comments = without_comments(lines, marked, separator)
    lines = without_blanks(lines, separator)
    cells = parse_cells("".join(with_whole_header(lines, separator)), separator, path)
    empty = (cells == "").all(axis=1).to_numpy() & (cells.shape[1] > 1)
    cells, left_out = below_titles(cells, empty, cells.iloc[:SAMPLE_LINES], empty_rows)
    if not len(cells):
        raise no_rows(path)
    header = like.header if like and header is None else header
    has_header = is_header(cells.iloc[0]) if header is None else header
    frame, names = named_columns(cells, has_header)
    if not len(frame):
        raise no_rows(path)
    sign = decimal or find_decimal(frame, separator, like.decimal if like else ".")
    notes = [] if encoding.startswith("utf-8") else [f"encoding: {encoding}"]
    notes += [f"{counted(comments, 'comment line')} left out"] if comments else []
    notes += left_out
    name = DELIMITER_NAMES.get(separator, separator)
    notes += [f"delimiter: {name}"] if delimiter is None and separator != "," else []
    notes += ["decimal sign: comma"] if decimal is None and sign == "," else []
    notes += header_notes(cells.iloc[0], has_header) if header is None else []
    notes += numbered_names(names)
    form = FileForm(_ending(path), separator, sign, has_header, encoding, names)
    return TextTable(str(path), frame, form, notes)


def _ending(path: str | Path) -> str:
    name = Path(path).name.lower()
    return next((ending for ending in (".csv.gz", ".tsv.gz", ".tsv") if name.endswith(ending)), ".csv")
