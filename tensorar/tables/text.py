"""Tables as text: encoding, comments, delimiter, decimal sign and header are found."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorar.errors import DataError
from tensorar.tables.cells import MISSING_WORDS, NUMBER
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import CHUNK_BYTES, describe, open_file, unreadable

if TYPE_CHECKING:
    from pandas import DataFrame

WHAT = "a table: text (csv, tsv, csv.gz), Parquet or Excel"
# cells of text take several times the bytes of a file
MEMORY_PER_BYTE = 12
SAMPLE_LINES = 100
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# a line of more cells is no row of a table
MAX_COLUMNS = 2**14
WHOLE_NUMBER = re.compile(r"[+-]?\d+")
DECIMAL_NUMBERS = {",": re.compile(r"[+-]?\d*,\d+"), ".": re.compile(r"[+-]?\d*\.\d+")}
# where several cut all lines alike, a comma is the decimal sign
DELIMITERS_BY_PRECEDENCE = ("\t", ";", "|", ",")


def text_of(path: str | Path) -> tuple[str, list[str]]:
    """The content of a file, decompressed, and a note on an unusual encoding. Raises ``DataError``."""
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
    for encoding in ("utf-16",) if content[:2] in UTF_16_MARKS else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, [] if encoding == "utf-8-sig" else [f"encoding: {encoding}"]
    raise _another_kind(path)


def _another_kind(path: str | Path) -> DataError:
    return DataError(
        expected=f"{path} to be {WHAT}", got="a file of another kind", remedy="check the path and the file"
    )


def without_comments(text: str) -> tuple[str, int]:
    """Text without the lines that begin with #, and how many there were."""
    lines = text.splitlines(keepends=True)
    count = sum(line.lstrip().startswith("#") for line in lines)
    if not count:
        return text, 0
    return "".join(line for line in lines if not line.lstrip().startswith("#")), count


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
    words = Counter(len(line.split()) for line in lines if line.strip())
    return r"\s+" if min(words) > 1 and len(words) == 1 else ","


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
    """Whether a row holds names: some text, and no numbers."""
    names = [cell for cell in cells if cell]
    return bool(names) and not any(NUMBER.fullmatch(name.replace(",", ".")) for name in names)


def named_columns(cells: DataFrame, has_header: bool) -> tuple[DataFrame, list[str]]:
    """The rows with named columns, and the names that had to be changed because they occur twice."""
    header = cells.iloc[0] if has_header else [""] * cells.shape[1]
    names, renamed = [], []
    for i, name in enumerate(header):
        unique = str(name) or f"column {i + 1}"
        if unique in names:
            unique = next(f"{name}.{k}" for k in range(1, cells.shape[1] + 1) if f"{name}.{k}" not in names)
            renamed.append(unique)
        names.append(unique)
    frame = cells.iloc[1:] if has_header else cells
    return frame.set_axis(names, axis=1).reset_index(drop=True), renamed


def find_decimal(frame: DataFrame, usual: str = ".") -> str:
    """The decimal sign of a column of numbers, a comma if any has it; the usual one if none has a fraction."""
    columns = [
        [cell for cell in frame[name].iloc[: 10 * SAMPLE_LINES] if cell.lower() not in MISSING_WORDS]
        for name in frame.columns
    ]
    for sign, number in DECIMAL_NUMBERS.items():
        for cells in columns:
            fractions = sum(bool(number.fullmatch(cell)) for cell in cells)
            if fractions and fractions + sum(bool(WHOLE_NUMBER.fullmatch(cell)) for cell in cells) == len(cells):
                return sign
    return usual
