"""Write tables in the form of the file they resemble, or in that of their name's ending."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorar.errors import DataError, TensorarError
from tensorar.tables.cells import numbers_of
from tensorar.tables.reading import EXTRAS, FileForm
from tensorar.utils.files import write_atomically

if TYPE_CHECKING:
    from pandas import DataFrame

TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
ENDINGS = (*TEXT, *EXTRAS)


def check_table_path(path: Path) -> Path:
    """The path, if it ends like a kind of table. Raises ``TensorarError``; called before any computation."""
    if not path.name.lower().endswith(ENDINGS):
        raise TensorarError(
            expected=f"`out` to end in {', '.join(ENDINGS)}", got=repr(str(path)), remedy="use one of these endings"
        )
    return path


def write_table(path: Path, frame: DataFrame, form: FileForm) -> None:
    """Write cells of text: as text with the form's delimiter, or as numbers and words to Parquet and Excel.

    Raises ``RunError`` when the file cannot be written, ``DataError`` when the library for it is missing.
    """
    name = path.name.lower()
    if name.endswith(TEXT):
        delimiter = "\t" if ".tsv" in name else "," if form.delimiter == "\t" else form.delimiter
        text = frame.to_csv(index=False, sep=" " if delimiter == r"\s+" else delimiter, header=form.header)
        content = text.encode()
        write_atomically(path, gzip.compress(content) if name.endswith(".gz") else content)
        return
    buffer, typed = io.BytesIO(), _typed(frame, form.decimal)
    try:
        typed.to_excel(buffer, index=False) if name.endswith(".xlsx") else typed.to_parquet(buffer, index=False)
    except ImportError as error:
        raise DataError(
            expected=f"the library that writes {path}",
            got="none installed",
            remedy=f"pip install tensorar[{EXTRAS[path.suffix.lower()]}]",
        ) from error
    write_atomically(path, buffer.getvalue())


def _typed(frame: DataFrame, decimal: str) -> DataFrame:
    """The same with columns of numbers as numbers, and empty cells as none."""
    typed = frame.copy()
    for name in frame.columns:
        cells = frame[name].to_numpy(object)
        numbers, filled = numbers_of(cells, decimal), cells != ""
        if filled.any() and not np.isnan(numbers[filled]).any():
            whole = bool((numbers[filled] == np.round(numbers[filled])).all())
            typed[name] = numbers
            if whole:
                typed[name] = typed[name].astype("Int64")
        else:
            typed[name] = typed[name].where(filled, None)
    return typed
