"""Tables as text: encoding, comments, delimiter, decimal sign and header are found."""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorar.errors import DataError
from tensorar.tables.cells import MISSING_WORDS, NUMBER
from tensorar.tables.number_style import is_unit
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import CHUNK_BYTES, describe, open_file, unreadable

if TYPE_CHECKING:
    from pandas import DataFrame, Series

WHAT = "a table: text (csv, tsv, csv.gz), Parquet or Excel"
# cells of text take several times the bytes of a file
MEMORY_PER_BYTE = 12
SAMPLE_LINES = 100
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# a line of more cells is no row of a table
MAX_COLUMNS = 2**14
WHOLE_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}([.,'\u2019\s]\d{3})+)")
DECIMAL_NUMBERS = {
    ",": re.compile(r"[+-]?(\d*|\d{1,3}([.'\u2019\s]\d{3})+),\d+"),
    ".": re.compile(r"[+-]?(\d*|\d{1,3}([,'\u2019\s]\d{3})+)\.\d+"),
}
GROUPS_BY_COMMA = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
COMMENT = "#"
# cells that are separated by blanks
WORDS = re.compile(r'"[^"]*"|\S+')
# where several cut all lines alike, a comma is the decimal sign
DELIMITERS_BY_PRECEDENCE = ("\t", ";", "|", ",")


def text_of(path: str | Path) -> tuple[str, str]:
    """The content of a file, decompressed, and its encoding. Raises ``DataError``."""
    with open_file(path, WHAT, decompress=True) as file:
        chunks: list[bytes] = []
        size = 0
        try:
            while chunk := file.data.read(CHUNK_BYTES):
                if not chunks and b"\0" in chunk and chunk[:2] not in UTF_16_MARKS:
                    raise _another_kind(path)
                chunks.append(chunk)
                size += len(chunk)
                require_memory(MEMORY_PER_BYTE * size, f"the cells of {path}", error=DataError)
        except EOFError as error:
            raise unreadable(path, WHAT, error) from error
    content = b"".join(chunks)
    utf_8 = "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8"
    for encoding in ("utf-16",) if content[:2] in UTF_16_MARKS else (utf_8, "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise _another_kind(path)


def _another_kind(path: str | Path) -> DataError:
    return DataError(
        expected=f"{path} to be {WHAT}", got="a file of another kind", remedy="check the path and the file"
    )


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends: of files, not the separators of Unicode within cells."""
    return list(io.StringIO(text, newline=""))


def split_lines(lines: list[str], separator: str) -> list[list[str]]:
    """The cells of the rows in some lines, without empty lines."""
    import csv

    if len(separator) > 1:
        return [[cell.strip('"') for cell in WORDS.findall(line)] for line in lines if line.strip()]
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in rows if row]


def marked_lines(lines: list[str]) -> list[int]:
    """Which lines begin with #, other than within a quoted cell."""
    found, quoted = [], False
    for i, line in enumerate(lines):
        if not quoted and line.lstrip().startswith(COMMENT):
            found.append(i)
        else:
            quoted ^= line.count('"') % 2 == 1
    return found


def first_rows(lines: list[str], marked: list[int]) -> list[str]:
    """The first lines that are neither empty nor marked as comments."""
    comments = set(marked)
    rows = (line for i, line in enumerate(lines) if i not in comments and line.strip())
    return list(islice(rows, SAMPLE_LINES))


def without_comments(lines: list[str], marked: list[int], separator: str) -> tuple[list[str], int]:
    """The lines without those that are comments, and how many there were.

    A row may begin with #, as a color does: it has as many cells as the first one, and no blank after the sign. Names
    of columns may, too, before a first row of numbers.
    """
    comments = set(marked)
    first = next(i for i, line in enumerate(lines) if i not in comments and line.strip())
    (top,) = split_lines([lines[first]], separator) or [[]]

    def is_row(i: int) -> bool:
        blank = lines[i].lstrip().removeprefix(COMMENT)[:1].isspace()
        return (
            i > first
            and not blank
            and len(top) > 1
            and [len(top)] == list(map(len, split_lines([lines[i]], separator)))
        )

    comments = {i for i in marked if not is_row(i)}
    kept = [line for i, line in enumerate(lines) if i >= first and i not in comments]
    names = [lines[i].lstrip().removeprefix(COMMENT).lstrip() for i in sorted(comments) if i < first][-1:]
    found = split_lines(names, separator)
    if found and len(found[0]) == len(top) > 1 and is_header(found[0]) and not is_header(top):
        return [*names, *kept], len(comments) - 1
    return kept, len(comments)


def find_delimiter(lines: list[str], usual: str | None = None) -> str:
    """The delimiter that cuts the most lines into the same number of cells, of several the usual one."""
    import csv

    def score(delimiter: str) -> float:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width, count = widths.most_common(1)[0]
        return count / sum(widths.values()) if width > 1 else 0.0

    try:
        first = (usual,) if usual and len(usual) == 1 else ()
        best: str = max((*first, *DELIMITERS_BY_PRECEDENCE), key=score)
        if score(best) > 0:
            return best
    except csv.Error:
        return ","
    first, *others = [len(WORDS.findall(line)) for line in lines]
    usual_width = others[0] if others else first
    by_blanks = min(first, usual_width) > 1 and len(set(others)) <= 1 and usual_width - first in (0, 1)
    return r"\s+" if by_blanks else ","


def with_whole_header(lines: list[str], separator: str) -> list[str]:
    """The lines with a cell for each column in the first, where all others have one more.

    R leaves out the name of the column of the names of the rows; others end rows, but not the header, with a delimiter.
    """
    first, *rows = split_lines(lines[:SAMPLE_LINES], separator)
    # the last row may go on in the next line
    rows = rows[: SAMPLE_LINES - 2]
    if not rows or any(len(row) != len(first) + 1 for row in rows) or not is_header(first):
        return lines
    header, blank = lines[0].rstrip("\r\n"), separator if len(separator) == 1 else " "
    whole = f"{header}{blank}" if not any(row[-1] for row in rows) else f'""{blank}{header}'
    return [whole + "\n", *lines[1:]]


def parse_cells(text: str, separator: str, path: str | Path) -> DataFrame:
    """All cells as stripped text, the header among them. Raises ``DataError`` for rows of different lengths."""
    import pandas

    _require_equal_widths(text, separator, path)
    try:
        cells = pandas.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=str, na_filter=False, skipinitialspace=True
        )
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(
            expected=f"the same number of cells in all rows of {path}",
            got=describe(error).removeprefix("Error tokenizing data. C error: "),
            remedy="correct the row, or check delimiter",
        ) from error
    stripped: DataFrame = cells.apply(lambda column: column.str.strip())
    return stripped


def _require_equal_widths(text: str, separator: str, path: str | Path) -> None:
    """Raise ``DataError`` for rows of different lengths, which pandas would fill up."""
    import csv

    if len(separator) > 1:
        return
    reader, expected = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True), 0
    try:
        for row in reader:
            expected = expected or len(row)
            if len(row) not in (0, expected) or expected > MAX_COLUMNS:
                raise DataError(
                    expected=f"{min(expected, MAX_COLUMNS)} cells in line {reader.line_num} of {path}, as in the first",
                    got=str(len(row)),
                    remedy="use the same number of cells in all rows, or check delimiter",
                )
    except csv.Error as error:
        raise unreadable(path, WHAT, error) from error


def is_header(cells: Any) -> bool:
    """Whether a row holds names: some text, and no numbers; or numbers that only count the columns, as pandas does."""
    names = [cell for cell in cells if cell]
    return counts_columns(cells) or (
        bool(names) and not any(NUMBER.fullmatch(name.replace(",", ".")) for name in names)
    )


def counts_columns(cells: Any) -> bool:
    """Whether a row is 0, 1, 2, ...: three or more numbers, or fewer after an empty cell, above those of the rows."""
    first, *others = map(str, cells)
    names = others if not first else [first, *others]
    return len(names) >= (1 if not first else 3) and names == [str(i) for i in range(len(names))]


def header_notes(cells: Any, has_header: bool) -> list[str]:
    """A note on a header that was missed, or that is unusual."""
    if not has_header:
        return ["no header: columns are called column 1, column 2, ... (header=true if the first row has names)"]
    if counts_columns(cells):
        return ["header: the first row only counts the columns, which are called so (header=false if it is a row)"]
    return []


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


def find_decimal(frame: DataFrame, delimiter: str, usual: str = ".") -> str:
    """The decimal sign of a column of numbers, a comma if any has it; the usual one if none has a fraction.

    Commas before three digits may be between groups of digits: they are if the delimiter is one, too.
    """
    columns = [_bare_cells(frame[name].iloc[: 10 * SAMPLE_LINES]) for name in frame.columns]
    may_be_groups = False
    for sign, number in DECIMAL_NUMBERS.items():
        for cells in columns:
            fractions = [cell for cell in cells if number.fullmatch(cell)]
            if not fractions or not all(number.fullmatch(cell) or WHOLE_NUMBER.fullmatch(cell) for cell in cells):
                continue
            if sign == "." or not all(map(GROUPS_BY_COMMA.fullmatch, fractions)):
                return sign
            may_be_groups = True
    return "," if may_be_groups and delimiter != "," else usual


def _bare_cells(cells: Series[str]) -> list[str]:
    """Cells that are not missing, without percent signs and currencies."""
    known = [cell for cell in cells if cell.lower() not in MISSING_WORDS]
    return ["".join(sign for sign in cell if sign.isspace() or not is_unit(sign)).strip() for cell in known]
