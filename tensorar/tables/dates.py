"""Cells of text as dates, column by column: days since 1970."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Shaped

from tensorar.tables.cells import each
from tensorar.tables.periods import (
    LOOKS_LIKE_A_PERIOD,
    PERIOD_FORMATS,
    as_months,
    month_format,
    nearest_starts,
    write_dates,
)

if TYPE_CHECKING:
    from pandas import DatetimeIndex

# times of a day without a date: those of the day from which strptime counts
CLOCK_FORMATS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p")
# the first format that reads all dates of a column is that of the column
DATE_FORMATS = (
    *("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d"),
    *("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"),
    *("%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S.%f%z"),
    *("%Y-%m-%d %H:%M%z", "%Y-%m-%dT%H:%M%z"),
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%d-%b-%Y", "%d %b %Y"),
    *PERIOD_FORMATS,
    *CLOCK_FORMATS,
)
LOOKS_LIKE_A_DATE = re.compile(rf"\d{{1,4}}[-/. ]\w{{1,3}}[-/. ]\d{{1,4}}.*|\d{{1,2}}:\d\d.*|{LOOKS_LIKE_A_PERIOD}")
SECONDS_PER_DAY = 86400
# times are often rounded to these
STEPS = (SECONDS_PER_DAY, 3600, 60, 1)
MICROSECONDS = {"%f": 1, "%S": 10**6, "%M": 60 * 10**6}
# whole seconds are often written without a fraction
WHOLE_SECONDS = re.compile(r"(:\d\d)(Z?|[+-]\d\d:?\d\d)$")
OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
UTC = "+00:00"
# days from 1970 that pandas can write
MAX_DAYS = 100_000


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
                texts, plain = _readable(cells, form)
                yield pandas.DatetimeIndex(pandas.to_datetime(texts, format=plain, utc=utc)), form
            except (ValueError, TypeError, OverflowError):
                continue
            break


def _readable(cells: Shaped[np.ndarray, " n"], form: str) -> tuple[Shaped[np.ndarray, " n"], str]:
    """The cells and the format for strptime: quarters as months, seconds with the fraction asked for."""
    if "%f" in form:
        cells = each(cells, _with_fraction, object)
    return as_months(cells, form), month_format(form)


def _with_fraction(cell: str) -> str:
    return WHOLE_SECONDS.sub(r"\1.0\2", cell) if isinstance(cell, str) else cell


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

    readable, form = _readable(cells, form)
    texts = pandas.Series(readable, dtype=object)
    if offset := OFFSET.search(form):
        zoned = form.removesuffix(offset[0]) + "%z"
        moments = pandas.to_datetime(texts, format=zoned, errors="coerce", utc=True).dt.tz_localize(None)
        moments += pandas.Timestamp(0) - pandas.Timestamp(f"1970-01-01 00:00:00{offset[0]}").tz_convert(None)
    else:
        moments = pandas.to_datetime(texts, format=form, errors="coerce")
    seconds = (moments - pandas.Timestamp(0)).dt.total_seconds()
    days: Float64[np.ndarray, " n"] = seconds.to_numpy(np.float64) / SECONDS_PER_DAY
    return days


def step_of(days: Float64[np.ndarray, " n"]) -> int:
    """The seconds of which all times are multiples: a day, an hour, a minute, a second, or 0 for none."""
    seconds = days[~np.isnan(days)] * SECONDS_PER_DAY
    return next((step for step in STEPS if np.abs(seconds - np.round(seconds / step) * step).max(initial=0) < 1e-3), 0)


def write_days(days: Float64[np.ndarray, " n"], form: str, step: int = 0) -> Shaped[np.ndarray, " n"]:
    """Dates in a format, rounded to what it shows, or to a coarser ``step`` in seconds; empty for NaN.

    Of months and quarters, the one whose first day is nearest.
    """
    import pandas

    day = SECONDS_PER_DAY * 10**6
    unit = next((unit for code, unit in MICROSECONDS.items() if code in form), day)
    unit = max(unit, step * 10**6)
    rounded = np.round(np.clip(days, -MAX_DAYS, MAX_DAYS) * day / unit) * unit
    moments = pandas.DatetimeIndex(pandas.to_datetime(rounded, unit="us", errors="coerce"))
    return write_dates(nearest_starts(moments, form), form)
