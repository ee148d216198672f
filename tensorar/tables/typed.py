"""Tables whose cells have types, Parquet and Excel, as cells of text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorar.errors import DataError
from tensorar.tables.cells import NUMBER
from tensorar.tables.forms import FileForm, TextTable, no_rows, numbered_names, require_library
from tensorar.tables.header import below_titles, header_notes, is_header, named_columns
from tensorar.tables.lines import SAMPLE_LINES
from tensorar.tables.text import MEMORY_PER_BYTE, WHAT
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import open_file, shorten, unreadable

if TYPE_CHECKING:
    from io import BufferedIOBase

    from pandas import DataFrame

MIDNIGHT = " 00:00:00"


def read_typed(path: str | Path, suffix: str, header: bool | None, empty_rows: bool = False) -> TextTable:
    """The cells of a Parquet or Excel file, written as text. Raises ``DataError``."""
    require_library(path, "reads")
    with open_file(path, WHAT) as file:
        require_memory(MEMORY_PER_BYTE * file.size, f"the cells of {path}", error=DataError)
        try:
            frame, notes = _read_sheet(file.data, empty_rows) if suffix == ".xlsx" else (_read_parquet(file.data), [])
        except Exception as error:  # both libraries raise almost any exception for a damaged file
            raise unreadable(path, WHAT, error) from error
    if suffix != ".xlsx":
        return _table(path, frame, list(map(str, frame.columns)), FileForm(suffix), notes)
    top = [_text(cell) for cell in frame.iloc[0]] if len(frame) else []
    has_header = any(not NUMBER.fullmatch(cell) for cell in top if cell) or is_header(top)
    notes += header_notes(top, has_header) if header is None else []
    has_header = has_header if header is None else header
    body = frame.iloc[1:].infer_objects() if has_header else frame
    return _table(path, body, top if has_header else None, FileForm(suffix, header=has_header), notes)


def _read_parquet(data: BufferedIOBase) -> DataFrame:
    """The columns, among them an index that does not just number the rows."""
    import pandas

    frame = pandas.read_parquet(data)
    numbers = frame.index.nlevels == 1 and frame.index.name is None and frame.index.dtype.kind in "iu"
    return frame if numbers else frame.reset_index()


def _read_sheet(data: BufferedIOBase, empty_rows: bool) -> tuple[DataFrame, list[str]]:
    """The first sheet from the header on, and what is not read."""
    import pandas

    with pandas.ExcelFile(data, engine="openpyxl") as book:
        sheets = [str(name) for name in book.sheet_names]
        frame = pandas.read_excel(book, header=None)
    # in one column, an empty cell is a missing value
    empty = frame.isna().all(axis=1).to_numpy() & (frame.shape[1] > 1)
    notes = [f"the first of {len(sheets)} sheets: {shorten(sheets[0], 60)}"] if len(sheets) > 1 else []
    frame, left_out = below_titles(frame, empty, frame.iloc[:SAMPLE_LINES].map(_text), empty_rows)
    return frame, notes + left_out


def _table(path: str | Path, body: DataFrame, header: list[str] | None, form: FileForm, notes: list[str]) -> TextTable:
    import pandas

    if not len(body):
        raise no_rows(path)
    columns = [body.iloc[:, i] for i in range(body.shape[1])]
    texts = pandas.DataFrame({i: _texts(column.astype(object)) for i, column in enumerate(columns)}, dtype=object)
    top = pandas.DataFrame([] if header is None else [header], dtype=object)
    frame, names = named_columns(pandas.concat([top, texts]), header is not None)
    types = {str(name): str(column.dtype) for name, column in zip(frame.columns, columns, strict=True)}
    notes = [*notes, *numbered_names(names)]
    return TextTable(str(path), frame, FileForm(form.suffix, header=form.header, names=names, types=types), notes)


def _texts(cells: Iterable[Any]) -> list[str]:
    """Cells as text; dates without the time of day if it is midnight for all of them."""
    texts = [_text(cell) for cell in cells]
    all_at_midnight = all(text.endswith(MIDNIGHT) for text in texts if text)
    return [text.removesuffix(MIDNIGHT) for text in texts] if all_at_midnight else texts


def _text(cell: Any) -> str:
    import pandas

    if pandas.api.types.is_scalar(cell) and pandas.isna(cell):
        return ""
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell).strip()
