"""Tables as text: the encoding and the decimal sign are found, and the cells are parsed."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tensorar.errors import DataError
from tensorar.tables.cells import MISSING_WORDS
from tensorar.tables.lines import SAMPLE_LINES
from tensorar.tables.number_style import is_unit
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import CHUNK_BYTES, describe, open_file, unreadable

if TYPE_CHECKING:
    from pandas import DataFrame, Series

WHAT = "a table: text (csv, tsv, csv.gz), Parquet or Excel"
# cells of text take several times the bytes of a file
MEMORY_PER_BYTE = 12
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# a line of more cells is no row of a table
MAX_COLUMNS = 2**14
WHOLE_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}([.,'\u2019\s]\d{3})+)")
DECIMAL_NUMBERS = {
    ",": re.compile(r"[+-]?(\d*|\d{1,3}([.'\u2019\s]\d{3})+),\d+"),
    ".": re.compile(r"[+-]?(\d*|\d{1,3}([,'\u2019\s]\d{3})+)\.\d+"),
}
GROUPS_BY_COMMA = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


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
