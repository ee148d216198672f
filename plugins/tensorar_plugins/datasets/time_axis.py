"""Time axes of series: the dates, numbers or counts of regularly spaced steps, found in the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Integer, Shaped

from tensorar import DataError
from tensorar.series import Times
from tensorar.tables import date_readings, numbers_of, write_dates
from tensorar.utils.reading import escaped, shorten

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any]

# frequencies of calendars, tried where the steps are not all of the same length
CALENDARS = ("B", "MS", "ME", "QS", "QE", "YS", "YE")
# a series of which fewer steps are present has no regular spacing
MIN_PRESENT = 0.9
# the offset of a zone with a colon, as in +01:00
COLON = "%:z"
# names of columns that count steps
COUNTER_NAMES = ("", "index", "column 1", "t", "time", "step", "date", "year", "timestamp", "unnamed: 0")
# of numbers in floating point, in steps
ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class Dates(Times):
    """The dates of a column from ``start``, spaced by a pandas ``offset`` and written in a format of strftime."""

    name: str
    start: pd.Timestamp
    offset: Any
    written_as: str

    def at(self, first: int, count: int) -> Shaped[np.ndarray, " count"]:
        import pandas as pd

        dates = pd.date_range(self.start, periods=first + count, freq=self.offset)[first:]
        return dates.tz_localize(None).to_numpy()

    def written(self, times: Shaped[np.ndarray, " count"]) -> list[str]:
        import pandas as pd

        local = pd.DatetimeIndex(times).tz_localize(self.start.tz)
        texts = [str(text) for text in write_dates(local, self.written_as.replace(COLON, "%z"))]
        return [f"{text[:-2]}:{text[-2:]}" for text in texts] if self.written_as.endswith(COLON) else texts

    def steps_since(self, other: Times) -> int | None:
        import pandas as pd

        if not isinstance(other, Dates) or (self.start.tz is None) != (other.start.tz is None):
            return None
        low, high = sorted([self.start, other.start])
        steps = len(pd.date_range(low, high, freq=other.offset)) - 1
        return steps if self.start >= other.start else -steps

    def __str__(self) -> str:
        return f"a step of {describe_offset(self.offset)}"


@dataclass(frozen=True, eq=False)
class Numbers(Times):
    """Numbers from ``start`` in steps of ``step``: a column that counts, or the numbers of the rows."""

    name: str
    start: float
    step: float

    def at(self, first: int, count: int) -> Shaped[np.ndarray, " count"]:
        numbers = self.start + self.step * np.arange(first, first + count)
        return numbers if isinstance(self.start, int) and isinstance(self.step, int) else numbers.astype(np.float64)

    def written(self, times: Shaped[np.ndarray, " count"]) -> list[str]:
        return [str(time) if times.dtype.kind == "i" else f"{time:.12g}" for time in times.tolist()]

    def steps_since(self, other: Times) -> int | None:
        if not isinstance(other, Numbers) or self is ROWS:
            return None
        return round((self.start - other.start) / other.step)

    def __str__(self) -> str:
        return f"a step of {self.step:g}"


ROWS = Numbers("step", 0, 1)


def find_times(
    cells: pd.DataFrame, values: Sequence[str] | None, decimal: str, where: str
) -> tuple[str | None, Times, Integer[np.ndarray, " rows"]]:
    """The column that holds the times of the rows, the axis that they lie on, and the step of each row.

    Columns of ``values`` are none. Dates in whatever order; or numbers that increase in equal steps, in a column that
    is called like a counter, or the first of several. Without such a column the rows are numbered from 0. Raises
    ``DataError`` for dates that are not regularly spaced.
    """
    for position, name in enumerate(cells.columns):
        if values is not None and name in values:
            continue
        is_counter = name.strip().lower() in COUNTER_NAMES
        if (parsed := parse_dates(cells[name])) is not None:
            dates, written_as = parsed
            if written_as.endswith("%z") and cells[name].iloc[0][-3] == ":":
                written_as = written_as.removesuffix("%z") + COLON
            # numbers of four digits, such as pressures, can be read as years
            if written_as != "%Y" or is_counter or _grid(dates.sort_values()) is not None:
                axis, steps = _on_calendar(name, dates, written_as, where)
                return name, axis, steps
        countable = cells.shape[1] > 1 and (position == 0 or is_counter)
        if countable and (found := _counted(name, cells[name].to_numpy(object), decimal)) is not None:
            return name, *found
    return None, ROWS, np.arange(len(cells))


# --- dates -----------------------------------------------------------------------------------------------------------


def parse_dates(cells: Column) -> tuple[pd.DatetimeIndex, str] | None:
    """The dates of a column of text and the format in which they are written; None for anything else.

    Of two readings of ``01/02/1990`` the one that makes the dates regular is taken, or else month first.
    """
    found = list(date_readings(cells.to_numpy(object)))
    return next((reading for reading in found if _grid(reading[0].sort_values()) is not None), next(iter(found), None))


def _on_calendar(
    name: str, dates: pd.DatetimeIndex, written_as: str, where: str
) -> tuple[Dates, Integer[np.ndarray, " rows"]]:
    """The calendar on which dates lie regularly, and the step of each on it. Raises ``DataError``."""
    ordered = dates.sort_values()
    if ordered.has_duplicates:
        raise _irregular(name, where, f"{ordered[ordered.duplicated()][0]} twice")
    grid = _grid(ordered)
    if grid is None:
        raise _irregular(name, where, _describe_spacing(ordered))
    return Dates(name, grid[0], grid.freq, written_as), grid.get_indexer(dates)


def _grid(ordered: pd.DatetimeIndex) -> pd.DatetimeIndex | None:
    """All dates of a regular calendar from the first to the last, if it has all these and few others."""
    import pandas as pd

    if len(ordered) < 2 or ordered.has_duplicates:
        return None
    steps = ordered.to_series().diff().dropna()
    for step in (steps.mode()[0], *CALENDARS):
        if isinstance(step, pd.Timedelta) and (ordered[-1] - ordered[0]) / step > len(ordered) / MIN_PRESENT:
            continue
        grid = pd.date_range(ordered[0], ordered[-1], freq=_in_days(step))
        if len(ordered) >= MIN_PRESENT * len(grid) and bool(ordered.isin(grid).all()):
            return grid
    return None


def _in_days(step: pd.Timedelta | str) -> pd.Timedelta | str:
    """A frequency in days rather than 24 hours where it is whole days."""
    import pandas as pd

    whole = isinstance(step, pd.Timedelta) and step % pd.Timedelta(days=1) == pd.Timedelta(0)
    return f"{step.days}D" if isinstance(step, pd.Timedelta) and whole else step


def _describe_spacing(ordered: pd.DatetimeIndex) -> str:
    if len(ordered) == 1:
        return f"{ordered[0]} only"
    steps = ordered.to_series().diff().dropna()
    return f"steps from {steps.min()} to {steps.max()}"


def describe_offset(offset: Any) -> str:
    """The step of a calendar in words.

    >>> from pandas.tseries.frequencies import to_offset
    >>> describe_offset(to_offset("D")), describe_offset(to_offset("15min")), describe_offset(to_offset("MS"))
    ('1 day', '15 minutes', '1 month')
    """
    word = type(offset).__name__.removesuffix("Begin").removesuffix("End").replace("Business", "working ").lower()
    return f"{offset.n} {word}{'s' * (offset.n != 1)}"


# --- numbers ---------------------------------------------------------------------------------------------------------


def _counted(
    name: str, cells: Shaped[np.ndarray, " rows"], decimal: str
) -> tuple[Numbers, Integer[np.ndarray, " rows"]] | None:
    """The axis of a column of numbers that increase in equal steps, some of which may be absent."""
    numbers = numbers_of(cells, decimal)
    if len(numbers) < 3 or np.isnan(numbers).any() or not (np.diff(numbers) > 0).all():
        return None
    step = float(np.median(np.diff(numbers)))
    steps = (numbers - numbers[0]) / step
    nearest = steps.round()
    if np.abs(steps - nearest).max() > ROUNDING or len(steps) < MIN_PRESENT * (nearest[-1] + 1):
        return None
    whole = all(map(str.isdecimal, cells))
    start, step = (int(numbers[0]), int(step)) if whole else (float(numbers[0]), step)
    return Numbers(name, start, step), nearest.astype(np.int64)


def _irregular(name: str, where: str, got: str) -> DataError:
    return DataError(
        expected=f"regularly spaced times in the column {escaped(shorten(name, 60))} of {where} (a few may be absent)",
        got=got,
        remedy="resample the series to equal steps, for example with pandas.DataFrame.resample",
    )
