"""What was found about the file of a table, and the cells that were read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tensorar.errors import DataError
from tensorar.utils.reading import expand, shorten

if TYPE_CHECKING:
    from pandas import DataFrame

# kinds of files whose cells have types, and the extras that read them
EXTRAS = {".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel"}
KINDS = f"text with a delimiter (.csv, .tsv, .txt; .gz of these), {', '.join(EXTRAS)}"
# files of rows that are other text, or no text
OTHER_KINDS = (
    ".json",
    ".jsonl",
    ".ndjson",
    ".xml",
    ".html",
    ".xls",
    ".ods",
    ".feather",
    ".orc",
    ".sav",
    ".dta",
    ".pkl",
)
LIBRARIES = {"parquet": "pyarrow", "excel": "openpyxl"}


@dataclass(frozen=True)
class FileForm:
    """How a table was written, so that others can be written alike.

    ``names`` are the names in the file of the columns that are called otherwise here, since theirs are empty or occur
    twice. ``types`` are those of pandas of the columns of a Parquet or Excel file.
    """

    suffix: str = ".csv"
    delimiter: str = ","
    decimal: str = "."
    header: bool = True
    encoding: str = "utf-8"
    names: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TextTable:
    """The cells of a table as stripped text, by column; ``notes`` say what was found about the file."""

    path: str
    frame: DataFrame
    form: FileForm
    notes: list[str] = field(default_factory=list)


def require_library(path: str | Path, verb: str) -> None:
    """Raise ``DataError`` if the library that ``verb`` (reads, writes) this kind of file is not installed."""
    extra = EXTRAS.get(Path(path).suffix.lower(), "")
    try:
        if extra:
            import_module(LIBRARIES[extra])
    except ImportError as error:
        raise DataError(
            expected=f"the package {LIBRARIES[extra]}, which {verb} {path}",
            got="not installed",
            remedy=f"install it: pip install tensorar[{extra}]",
        ) from error


def no_rows(path: str | Path) -> DataError:
    """The error for a table without rows."""
    return DataError(expected=f"rows in {path}", got="none", remedy=f"pass a table with a row per event: {KINDS}")


def check_kind(path: str | Path) -> None:
    """Raise ``DataError`` for a file that is no table of a kind that is read, by its ending."""
    ending = expand(path).suffix.lower()
    if ending in OTHER_KINDS:
        raise DataError(
            expected=f"a table in {path}: {KINDS}",
            got=f"a file that ends in {ending}",
            remedy="save its rows as one of these, as pandas does with to_csv",
        )


def numbered_names(names: Mapping[str, str]) -> list[str]:
    """A note on the columns that got a number, since others have the same name."""
    numbered = [name for name, own in names.items() if own]
    return [f"columns of the same name were numbered: {shorten(', '.join(numbered), 100)}"] if numbered else []
