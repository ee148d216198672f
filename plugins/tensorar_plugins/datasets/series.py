"""Series of the user's own: windows of the columns of a table, or of an array, split in time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from tensorar import DataError, FileEvents, SpecError, Splits
from tensorar.series import SeriesDataset, TimeSeries
from tensorar.utils.reading import expand
from tensorar.utils.words import counted
from tensorar_plugins.datasets.npy_files import npy_dtype
from tensorar_plugins.datasets.series_events import successive_windows
from tensorar_plugins.datasets.series_table import SeriesFile, read_series_file
from tensorar_plugins.datasets.splitting import check_fractions

# names of the axes of a step, by their number
FRAME_AXES = {1: ("variable",), 2: ("height", "width"), 3: ("height", "width", "channel")}


@dataclass(frozen=True, kw_only=True)
class Series(SeriesDataset):
    """Windows of your own series: columns of a table (text, Parquet, Excel), or a .npy array whose first axis is time.

    An event is a window of successive steps, ``(window,)``, or ``(window, variables)`` for several columns. The series
    is split in time, first training, then validation, then test, and windows are cut afterwards: no step is in two
    splits. A column of dates or counts becomes the time axis, which ``tensorar forecast`` continues; its steps must be
    regular. Windows across rows that are absent are left out, unless ``missing`` is set.

    Options:
        path: File to read; ``~`` and ``$VARIABLES`` are expanded.
        window: Number of steps of an event.
        stride: Number of steps from one window to the next. With 24 for hourly data, windows begin at the same hour.
        columns: Names of the columns to model, separated by commas (none: all but that of the times).
        period: Length of a cycle in steps, such as 365.25 for days of a year (none: no cycle). The place of a window's
            first step in it is the context of the window: for cycles that are longer than a window.
        missing: Whether cells that are empty, and rows that are absent, are values that were not observed; models are
            then trained on what was. Without it, an empty cell is an error.
        valid_fraction: Fraction of the steps used for validation, before those for testing.
        test_fraction: Fraction of the steps used for testing, the last ones.
    """

    name = "series"
    path: str | Path
    window: int = 60
    stride: int = 1
    columns: str | None = None
    period: float | None = None
    missing: bool = False
    valid_fraction: float = 0.1
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        check_fractions(self.name, valid_fraction=self.valid_fraction, test_fraction=self.test_fraction)
        if self.period is not None and not self.period > 1:
            raise SpecError(
                expected=f"period of {self.name} of more than one step",
                got=str(self.period),
                remedy="write for example period=365.25",
            )
        if not 1 <= self.stride <= self.window:
            raise SpecError(
                expected=f"window and stride of {self.name} with 1 <= stride <= window",
                got=f"window={self.window}, stride={self.stride}",
                remedy="write for example window=60,stride=1",
            )

    def load(self) -> Splits:
        windows = [self._cut(self._file.values[begin:end]).movedim(-1, 1) for begin, end in self._bounds]
        # a view of the steps of a split, unless some windows are left out
        return Splits(*(w if bool(whole.all()) else w[whole] for w, whole in zip(windows, self._whole, strict=True)))

    @property
    def suggested_head(self) -> str | None:
        # the future has values that the past has not
        values = self._file.values
        known = values[~values.isnan()]
        return "gaussian_mixture" if bool((known != known.round()).any()) else None

    @property
    def suggested_backbone(self) -> str | None:
        return None if self.missing else "rnn:hidden=64,layers=1"

    @property
    def alignment(self) -> int:
        return self.stride

    @property
    def axes(self) -> tuple[str, ...]:
        return ("time", *FRAME_AXES.get(len(self.event_shape) - 1, ()))

    @property
    def file_dtype(self) -> str:
        return npy_dtype(self.path) if Path(self.path).suffix.lower() == ".npy" else ""

    @property
    def notes(self) -> list[str]:
        """The time axis, the steps of each split, and what is absent."""
        file, (train, valid) = self._file, self._ends
        firsts = file.times.written(file.times.at(0, len(file.values))[[0, train, valid, -1]])
        split = "training from {}, validation from {}, test from {} to {}".format(*firsts)
        windows = " + ".join(str(len(part)) for part in (self.train, self.valid, self.test))
        notes = [
            *file.notes,
            f"{counted(len(file.values), 'step')} of {file.times.name}, {file.times}: {split}; {windows} windows",
        ]
        absent = int((~file.present).sum())
        if absent:
            taken = "taken as missing values" if self.missing else "so that no window crosses them"
            notes.append(f"absent from {self.path}: {absent} of {len(file.values)} steps, {taken}")
        return notes

    def series(self, path: str | Path | None = None) -> TimeSeries:
        if path is None:
            return TimeSeries(self._file.values, self._file.times, self._file.variables, form=self._file.form)
        file = read_series_file(path, self._columns_of(path))
        self._check_values(file, path)
        start = file.times.steps_since(self._file.times) if self._exists else None
        return TimeSeries(file.values, file.times, file.variables, start, file.form)

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        return successive_windows(self.series(path).values, event_shape, path)

    def load_contexts(self) -> Splits | None:
        if self.period is None:
            return None
        firsts = [torch.arange(begin, end - self.window + 1, self.stride) for begin, end in self._bounds]
        return Splits(*(self._places(first[whole]) for first, whole in zip(firsts, self._whole, strict=True)))

    def context_at(self, step: int) -> Float[Tensor, " context"] | None:
        return None if self.period is None else self._places(torch.tensor([step]))[0]

    def _places(self, steps: Int[Tensor, " n"]) -> Float[Tensor, "n 2"]:
        """The places of steps on the circle of a period."""
        assert self.period is not None
        angles = 2 * math.pi * (steps.double() / self.period % 1)
        return torch.stack([angles.cos(), angles.sin()], 1).float()

    @cached_property
    def _file(self) -> SeriesFile:
        file = read_series_file(self.path, self._names)
        self._check_values(file, self.path)
        return file

    @property
    def _names(self) -> list[str] | None:
        return None if self.columns is None else [name.strip() for name in str(self.columns).split(",")]

    @property
    def _exists(self) -> bool:
        """Whether the dataset's own file is still there."""
        return expand(self.path).is_file()

    def _columns_of(self, path: str | Path) -> list[str] | None:
        """The columns to read of another file: those of the dataset, whose own file need not exist any more."""
        is_array = Path(path).suffix.lower() == ".npy"
        if is_array or self.columns is not None or not self._exists:
            return None if is_array else self._names
        return None if Path(self.path).suffix.lower() == ".npy" else list(self._file.variables)

    def _check_values(self, file: SeriesFile, path: str | Path) -> None:
        """Raise ``DataError`` for a missing value at a step that is present, unless such values are declared."""
        unknown = file.values.isnan().reshape(len(file.values), -1).any(1) & file.present
        if not self.missing and bool(unknown.any()):
            step = int(unknown.int().argmax())
            (when,) = file.times.written(file.times.at(step, 1))
            raise DataError(
                expected=f"a number at every step of {path}",
                got=f"a missing value at {file.times.name} {when}",
                remedy="set missing=true if it was not observed, or fill it in",
            )

    @property
    def _ends(self) -> tuple[int, int]:
        """The steps before which training and validation end: windows begin there as everywhere."""
        count = len(self._file.values)
        test = round(count * self.test_fraction)
        valid = round(count * self.valid_fraction)
        first, second = (step - step % self.stride for step in (count - test - valid, count - test))
        shortest = min(first, second - first, count - second)
        if shortest < self.window:
            raise DataError(
                expected=f"at least {self.window} steps, a window, in each split of {self.path}",
                got=f"splits of {first}, {second - first} and {count - second} steps",
                remedy="choose a smaller window, or larger valid_fraction and test_fraction",
            )
        return first, second

    @property
    def _bounds(self) -> list[tuple[int, int]]:
        """The first step of each split, and the one after its last."""
        return list(pairwise((0, *self._ends, len(self._file.values))))

    @cached_property
    def _whole(self) -> list[Bool[Tensor, " windows"]]:
        """Which windows of each split have all their steps: those that are events, unless steps may be missing."""
        present = self._file.present | self.missing
        return [self._cut(present[begin:end]).all(1) for begin, end in self._bounds]

    def _cut(self, steps: Shaped[Tensor, "steps *frame"]) -> Shaped[Tensor, "n *frame window"]:
        return steps.unfold(0, self.window, self.stride)
