"""The types of the columns of Parquet and Excel files, made from cells of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Shaped

from tensorar.tables.cells import CODE, numbers_of
from tensorar.tables.dates import CLOCK_FORMATS, OFFSET, date_format_of
from tensorar.tables.forms import FileForm
from tensorar.tables.periods import PERIOD_FORMATS

if TYPE_CHECKING:
    from pandas import DataFrame, Series

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
BOOLEANS = {"True": True, "False": False, "": None}


def typed_columns(frame: DataFrame, form: FileForm, *, zones: bool = True) -> DataFrame:
    """Cells of text as columns of the types that the form's file has, or those that they look like; empty is missing.

    A column that does not fit its type, such as a draw below zero of whole numbers above, gets one like it. Without
    ``zones``, which Excel lacks, times in a zone stay text.
    """
    typed = frame.copy()
    for name in frame.columns:
        column = _typed(frame[name].to_numpy(object), form.types.get(str(name), ""), form.decimal)
        has_zone = getattr(column.dtype, "tz", None) is not None
        typed[name] = frame[name].to_numpy(object) if has_zone and not zones else column.array
    return typed


def _typed(cells: Shaped[np.ndarray, " n"], wanted: str, decimal: str) -> Series[Any]:
    import pandas

    texts = pandas.Series(cells, dtype=object).where(cells != "", None)
    known = cells[cells != ""]
    if wanted in ("str", "string", "category") or not len(known):
        return texts.astype("category") if wanted == "category" else texts
    if wanted in ("bool", "boolean") and set(known) <= set(BOOLEANS):
        return texts.map(BOOLEANS).astype("bool" if len(known) == len(cells) else "boolean")
    form = date_format_of(known)
    if form in PERIOD_FORMATS:
        return _cast(texts, wanted) if wanted.startswith("period") else texts
    if form in CLOCK_FORMATS and wanted in ("", "object"):
        return pandas.Series(pandas.to_datetime(texts, format=form).dt.time, dtype=object)
    if form in CLOCK_FORMATS:
        return texts
    if form or wanted.startswith("datetime64"):
        dates = _dates(texts, form, wanted)
        return dates if dates.notna().sum() == len(known) else texts
    numbers = numbers_of(cells, decimal)
    if np.isnan(numbers[cells != ""]).any() or (not wanted and any(map(CODE.fullmatch, known))):
        return texts
    return _numbers(numbers, wanted)


def _dates(texts: Series[Any], form: str | None, wanted: str) -> Series[Any]:
    """Times, NaT for other text: those in zones in the wanted one, or in UTC."""
    import pandas

    zoned = "," in wanted or (form is not None and OFFSET.search(form) is not None)
    dates = pandas.to_datetime(texts, errors="coerce", format="ISO8601" if zoned or not form else form, utc=zoned)
    return _cast(dates, wanted) if zoned and wanted else dates


def _cast(column: Series[Any], wanted: str) -> Series[Any]:
    """A column as another type; as it is for a type that pandas does not know."""
    import pandas

    try:
        cast: Series[Any] = column.astype(pandas.api.types.pandas_dtype(wanted))
    except TypeError:
        return column
    return cast


def _numbers(numbers: Shaped[np.ndarray, " n"], wanted: str) -> Series[Any]:
    import pandas

    column = pandas.Series(numbers)
    whole = bool((numbers == np.round(numbers))[~np.isnan(numbers)].all())
    if wanted.startswith("float"):
        return _cast(column, wanted)
    if not whole:
        return column
    fits = wanted.lower() in INTEGERS and not np.isnan(numbers).any()
    same = fits and bool((numbers.astype(wanted.lower()) == numbers).all())
    return _cast(column, wanted if same else "Int64")
