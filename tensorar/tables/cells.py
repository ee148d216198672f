"""Cells of text as numbers and dates, column by column."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64, Shaped

if TYPE_CHECKING:
    from pandas import DatetimeIndex

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "?", "-", "<na>", "nat", "#n/a")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# digits that are no number: postcodes, telephone numbers
CODE = re.compile(r"0\d+")
# the first format that reads all dates of a column is that of the column
DATE_FORMATS = (
    *("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d"),
    *("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"),
    *("%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S.%f%z"),
    *("%Y-%m-%d %H:%M%z", "%Y-%m-%dT%H:%M%z"),
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%d-%b-%Y", "%d %b %Y"),
)
LOOKS_LIKE_A_DATE = re.compile(r"\d{1,4}[-/. ]\w{1,3}[-/. ]\d{1,4}.*")
SECONDS_PER_DAY = 86400
MICROSECONDS = {"%f": 1, "%S": 10**6, "%H": 60 * 10**6}
# whole seconds are often written without a fraction
WHOLE_SECONDS = re.compile(r"(:\d\d)(Z?|[+-]\d\d:?\d\d)$")
OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
UTC = "+00:00"
# days from 1970 that pandas can write
MAX_DAYS = 100_000


def is_missing(cells: Shaped[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which cells stand for a missing value."""
    return _each(cells, lambda cell: cell.lower() in MISSING_WORDS, bool)


def numbers_of(cells: Shaped[np.ndarray, " n"], decimal: str) -> Float64[np.ndarray, " n"]:
    """The finite number in each cell, NaN for other text.

    >>> numbers_of(np.array(["1,5", "x", "2"], object), ",").tolist()
    [1.5, nan, 2.0]
    """

    def number(cell: str) -> float:
        text = cell.replace(",", ".") if decimal == "," and "." not in cell else cell
        return float(text) if NUMBER.fullmatch(text) else np.nan

    found = _each(cells, number, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def date_format_of(cells: Shaped[np.ndarray, " n"]) -> str | None:
    """The format of a column of dates that can be written from days, None for other text.

    Of times in a zone it ends with their offset from UTC, or with that of UTC where it changes.
    """
    if not len(cells) or not LOOKS_LIKE_A_DATE.fullmatch(cells[0]):
        return None
    form = next((form for _, form in date_readings(cells) if form in DATE_FORMATS), None)
    if form is None or not form.endswith("%z"):
        return form
    offsets = {offset[0] for cell in set(cells) if (offset := OFFSET.search(cell))}
    return form.removesuffix("%z") + (offsets.pop() if len(offsets) == 1 else UTC)


def date_readings(cells: Shaped[np.ndarray, " n"]) -> Iterator[tuple[DatetimeIndex, str]]:
    """The dates of a column of text, with each format that reads all of them; nothing for other text.

    Of two readings of ``01/02/1990``, month first comes first. Times of zones are local, or in UTC if they shift.
    """
    import pandas

    formats = dict.fromkeys([*DATE_FORMATS, *_guessed_formats(str(cells[0]))]) if len(cells) else {}
    for form in formats:
        # local times whose offset changes in spring and autumn are regular in UTC
        for utc in (False, True):
            try:
                yield pandas.DatetimeIndex(pandas.to_datetime(_with_fractions(cells, form), format=form, utc=utc)), form
            except (ValueError, TypeError, OverflowError):
                continue
            break


def _with_fractions(cells: Shaped[np.ndarray, " n"], form: str) -> Shaped[np.ndarray, " n"]:
    """The cells with the fraction of a second that a format asks for."""
    if "%f" not in form:
        return cells
    return _each(cells, lambda cell: WHOLE_SECONDS.sub(r"\1.0\2", cell) if isinstance(cell, str) else cell, object)


def _guessed_formats(cell: str) -> Iterator[str]:
    from pandas.tseries.api import guess_datetime_format

    for day_first in (False, True):
        with warnings.catch_warnings():
            # that the format can be read in one way only
            warnings.simplefilter("ignore", UserWarning)
            guess = guess_datetime_format(cell, dayfirst=day_first)
        if guess is not None:
            yield guess


def days_of(cells: Shaped[np.ndarray, " n"], form: str) -> Float64[np.ndarray, " n"]:
    """Days since 1970-01-01, NaN for text in another format; of times in a zone, those at the format's offset."""
    import pandas

    texts = pandas.Series(_with_fractions(cells, form), dtype=object)
    if offset := OFFSET.search(form):
        zoned = form.removesuffix(offset[0]) + "%z"
        moments = pandas.to_datetime(texts, format=zoned, errors="coerce", utc=True).dt.tz_localize(None)
        moments += pandas.Timestamp(0) - pandas.Timestamp(f"1970-01-01 00:00:00{offset[0]}").tz_convert(None)
    else:
        moments = pandas.to_datetime(texts, format=form, errors="coerce")
    seconds = (moments - pandas.Timestamp(0)).dt.total_seconds()
    days: Float64[np.ndarray, " n"] = seconds.to_numpy(np.float64) / SECONDS_PER_DAY
    return days


def write_days(days: Float64[np.ndarray, " n"], form: str) -> Shaped[np.ndarray, " n"]:
    """Dates in a format, rounded to what it shows; empty for NaN."""
    import pandas

    day = SECONDS_PER_DAY * 10**6
    unit = next((unit for code, unit in MICROSECONDS.items() if code in form), day)
    rounded = np.round(np.clip(days, -MAX_DAYS, MAX_DAYS) * day / unit) * unit
    moments = pandas.Series(pandas.to_datetime(rounded, unit="us", errors="coerce"))
    return moments.dt.strftime(form).fillna("").to_numpy(object)


def decimals_of(cells: Shaped[np.ndarray, " n"]) -> int | None:
    """The most digits after the decimal sign; None where a number is written with an exponent."""
    texts = [str(cell) for cell in np.unique(cells.astype(str))]
    if any("e" in text.lower() for text in texts):
        return None
    return max((len(text.replace(",", ".").partition(".")[2]) for text in texts), default=0)


def write_numbers(values: Float64[np.ndarray, " n"], decimals: int | None, decimal: str) -> Shaped[np.ndarray, " n"]:
    """Numbers with so many digits after the decimal sign, or six in all; empty for NaN."""

    def text(value: float) -> str:
        if np.isnan(value):
            return ""
        # adding 0 makes a rounded -0 a 0
        written = f"{value:.6g}" if decimals is None else f"{round(value, decimals) + 0.0:.{decimals}f}"
        return written.replace(".", decimal)

    return _each(values, text, object)


def _each(cells: Shaped[np.ndarray, " n"], function: Any, dtype: Any) -> Shaped[np.ndarray, " n"]:
    """A function of each cell, computed once for each distinct one."""
    import pandas

    codes, distinct = pandas.factorize(cells)
    found = np.empty(len(distinct), dtype)
    found[:] = [function(cell) for cell in distinct]
    if (codes < 0).any():
        found, codes = np.append(found, np.array([function(np.nan)], dtype)), np.where(codes < 0, len(distinct), codes)
    return found[codes]
