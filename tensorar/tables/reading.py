"""Read tables from text, Parquet and Excel files as text cells; what is found about the file is said."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorar.errors import DataError
from tensorar.tables.cells import NUMBER
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import CHUNK_BYTES, describe, expand, open_file, shorten, unreadable

if TYPE_CHECKING:
    from pandas import DataFrame

WHAT = "a table: text (csv, tsv, csv.gz), Parquet or Excel"
EXTRAS = {".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel"}
DELIMITERS = {"tab": "\t", r"\t": "\t", "space": " "}
DELIMITER_NAMES = {"\t": "tab", r"\s+": "spaces"}
# cells of text take several times the bytes of a file
MEMORY_PER_BYTE = 12
SAMPLE_LINES = 100
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# a line of more cells is no row of a table
MAX_COLUMNS = 2**14
COMMA_NUMBER, POINT_NUMBER = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d+\.\d+")


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
    path: str | Path, *, delimiter: str | None = None, decimal: str | None = None, header: bool | None = None
) -> TextTable:
    """A table from a file; delimiter, decimal sign and header are found unless they are given. Raises ``DataError``."""
    suffix = expand(path).suffix.lower()
    if suffix in EXTRAS:
        return _read_typed(path, suffix)
    text, notes = _text_of(path)
    text, comments = _without_comments(text)
    if not text.strip():
        raise _no_rows(path)
    lines = text.splitlines()[:SAMPLE_LINES]
    separator = DELIMITERS.get(delimiter or "", delimiter) or _find_delimiter(lines)
    cells = _parse(text, separator, path)
    has_header = _is_header(cells.iloc[0]) if header is None else header
    frame, renamed = _named(cells, has_header)
    if not len(frame):
        raise _no_rows(path)
    sign = decimal or _find_decimal(frame)
    notes += [f"{comments} comment lines were left out"] if comments else []
    name = DELIMITER_NAMES.get(separator, separator)
    notes += [f"delimiter: {name}"] if delimiter is None and separator != "," else []
    notes += ["decimal sign: comma"] if decimal is None and sign == "," else []
    notes += ["no header: columns are called column 1, column 2, ..."] if not has_header and header is None else []
    notes += [f"columns of the same name were numbered: {shorten(', '.join(renamed), 100)}"] if renamed else []
    return TextTable(str(path), frame, FileForm(_ending(path), separator, sign, has_header), notes)


def _no_rows(path: str | Path) -> DataError:
    return DataError(expected=f"rows in {path}", got="none", remedy="pass a table with a row per event")


def _ending(path: str | Path) -> str:
    name = Path(path).name.lower()
    return next((ending for ending in (".csv.gz", ".tsv.gz", ".tsv") if name.endswith(ending)), ".csv")


def _text_of(path: str | Path) -> tuple[str, list[str]]:
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


def _without_comments(text: str) -> tuple[str, int]:
    lines = text.splitlines(keepends=True)
    count = sum(line.lstrip().startswith("#") for line in lines)
    if not count:
        return text, 0
    return "".join(line for line in lines if not line.lstrip().startswith("#")), count


def _find_delimiter(lines: list[str]) -> str:
    """The delimiter that cuts the most lines into the same number of cells, the more the better."""
    import csv

    def score(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width, count = widths.most_common(1)[0]
        return (count / sum(widths.values()) if width > 1 else 0.0, width)

    try:
        best = max((",", ";", "\t", "|"), key=score)
        if score(best)[0] > 0:
            return best
    except csv.Error:
        return ","
    words = Counter(len(line.split()) for line in lines if line.strip())
    return r"\s+" if min(words) > 1 and len(words) == 1 else ","


def _parse(text: str, separator: str, path: str | Path) -> DataFrame:
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


def _is_header(cells: Any) -> bool:
    """Whether a row holds names: no numbers, and no name twice."""
    names = [cell for cell in cells if cell]
    return bool(names) and not any(NUMBER.fullmatch(name.replace(",", ".")) for name in names)


def _named(cells: DataFrame, has_header: bool) -> tuple[DataFrame, list[str]]:
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


def _find_decimal(frame: DataFrame) -> str:
    """A comma, if a column has numbers such as 1,5 and none such as 1.5."""
    for name in frame.columns:
        cells = [cell for cell in frame[name].iloc[: 10 * SAMPLE_LINES] if cell]
        commas = sum(bool(COMMA_NUMBER.fullmatch(cell)) for cell in cells)
        if commas and commas + sum(bool(re.fullmatch(r"[+-]?\d+", cell)) for cell in cells) == len(cells):
            return ","
    return "."


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
    texts = {str(name): [_text(cell) for cell in frame[name].astype(object)] for name in frame.columns}
    return TextTable(str(path), pandas.DataFrame(texts, dtype=object), FileForm(suffix))


def _text(cell: Any) -> str:
    import pandas

    if pandas.isna(cell):
        return ""
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat(sep=" ") if hasattr(cell, "hour") else cell.isoformat()).removesuffix(" 00:00:00")
    return str(cell).strip()
