"""Months and quarters as they are written: 1990-01, Jan 1990, 1990Q1. Each stands for its first day."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped

from tensorar.tables.cells import each

if TYPE_CHECKING:
    from pandas import DatetimeIndex

QUARTER_FORMATS = ("%YQ%q", "%Y-Q%q", "%Y Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y")
PERIOD_FORMATS = ("%Y-%m", "%Y/%m", "%m/%Y", "%YM%m", "%b %Y", "%b-%Y", "%B %Y", *QUARTER_FORMATS)
# years of four digits, from 1500 on: other pairs of numbers are codes
YEAR = r"(1[5-9]|2[01])\d\d"
LOOKS_LIKE_A_PERIOD = rf"{YEAR}[-/M]\d\d|\d\d/{YEAR}|[A-Za-z]{{3,9}}[- ]{YEAR}|{YEAR}[- ]?Q[1-4]|Q[1-4][-/ ]{YEAR}"
# the directive of quarters in pandas, which only writes it
QUARTER, MONTHS_OF_A_QUARTER = "%q", 3


def month_format(form: str) -> str:
    """The format for strptime of cells that ``as_months`` returns."""
    return "%Y-%m" if QUARTER in form else form


def as_months(cells: Shaped[np.ndarray, " n"], form: str) -> Shaped[np.ndarray, " n"]:
    """The cells with quarters as their first months, for a format of quarters; others as they are.

    >>> as_months(np.array(["1990Q2"], object), "%YQ%q").tolist()
    ['1990-04']
    """
    if QUARTER not in form:
        return cells
    pattern = re.compile(form.replace("%Y", r"(?P<year>\d{4})").replace(QUARTER, "(?P<quarter>[1-4])"))

    def month(cell: str) -> str:
        found = pattern.fullmatch(cell) if isinstance(cell, str) else None
        return cell if found is None else f"{found['year']}-{MONTHS_OF_A_QUARTER * int(found['quarter']) - 2:02}"

    return each(cells, month, object)


def nearest_starts(moments: DatetimeIndex, form: str) -> DatetimeIndex:
    """The moments, at the nearest start of a month or quarter for a format that has neither days nor times."""
    if "%d" in form or "%M" in form:
        return moments
    periods = moments.to_period("Q" if QUARTER in form else "M")
    starts, ends = periods.to_timestamp(), (periods + 1).to_timestamp()
    nearest: DatetimeIndex = starts.where(moments - starts <= ends - moments, ends)
    return nearest


def write_dates(moments: DatetimeIndex, form: str) -> Shaped[np.ndarray, " n"]:
    """The moments in a format of strftime, or of quarters; empty where they are unknown."""
    written = moments.to_period("Q").strftime(form) if QUARTER in form else moments.strftime(form)
    cells: Shaped[np.ndarray, " n"] = np.where(moments.isna(), "", written.to_numpy(object))
    return cells
