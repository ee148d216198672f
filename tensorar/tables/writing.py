"""Write tables in the form of the file they resemble, or in that of their name's ending."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING

from tensorar.errors import TensorarError
from tensorar.tables.column_types import typed_columns
from tensorar.tables.forms import EXTRAS, FileForm, require_library
from tensorar.utils.files import write_atomically

if TYPE_CHECKING:
    from pandas import DataFrame

TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
ENDINGS = (*TEXT, *EXTRAS)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1")


def check_table_path(path: Path) -> Path:
    """The path, if it ends like a kind of table that can be written. Raises ``TensorarError``.

    Called before any computation.
    """
    if not path.name.lower().endswith(ENDINGS):
        raise TensorarError(
            expected=f"`out` to end in {', '.join(ENDINGS)}", got=repr(str(path)), remedy="use one of these endings"
        )
    require_library(path, "writes")
    return path


def write_table(path: Path, frame: DataFrame, form: FileForm) -> None:
    """Write cells of text: as text with the form's delimiter, or as numbers and words to Parquet and Excel.

    Raises ``RunError`` when the file cannot be written, ``DataError`` when the library for it is missing.
    """
    name = path.name.lower()
    if name.endswith(TEXT):
        content = _as_text(frame, form, ".tsv" in name)
        write_atomically(path, gzip.compress(content) if name.endswith(".gz") else content)
        return
    require_library(path, "writes")
    buffer, typed = io.BytesIO(), typed_columns(frame, form, zones=not name.endswith(".xlsx"))
    if name.endswith(".xlsx"):
        typed.rename(columns=dict(form.names)).to_excel(buffer, index=False, header=form.header)
    else:
        typed.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue())


def _as_text(frame: DataFrame, form: FileForm, is_tsv: bool) -> bytes:
    """The bytes of a table in its form: in UTF-8 where its encoding lacks a character."""
    from_tsv = ".tsv" in form.suffix and form.delimiter == "\t"
    delimiter = "\t" if is_tsv else "," if from_tsv else form.delimiter
    named = frame.rename(columns=dict(form.names))
    text: str = named.to_csv(index=False, sep=" " if delimiter == r"\s+" else delimiter, header=form.header)
    try:
        return text.encode(form.encoding if form.encoding in ENCODINGS else "utf-8")
    except UnicodeEncodeError:
        return text.encode()
