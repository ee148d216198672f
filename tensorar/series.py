"""Series: values step by step with the time of each step, and datasets whose events are windows of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Real, Shaped
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import ShapeError
from tensorar.tables import FileForm


class Times(ABC):
    """Regularly spaced times of the steps of a series: dates, numbers or counts. ``name`` is what they are called."""

    name: str

    @abstractmethod
    def at(self, first: int, count: int) -> Shaped[np.ndarray, " count"]:
        """The times of ``count`` steps from step ``first`` on, within the series or after it, for an axis of plots."""

    @abstractmethod
    def written(self, times: Shaped[np.ndarray, " count"]) -> list[str]:
        """Times as they are written in the file."""

    @abstractmethod
    def steps_since(self, other: Times) -> int | None:
        """The number of steps of ``other`` from its start to that of these times; None if they cannot be compared."""


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """Values ``(steps, *frame)`` with their times; missing values are NaN.

    ``variables`` names the numbers of a frame, ``(prod(frame),)``. ``start`` is the number of steps from the first step
    of the dataset's own series to that of this one, or None if that is unknown. ``form`` is that of the file.

    Raises ``ShapeError`` for a series without steps.
    """

    values: Real[Tensor, "steps *frame"]
    times: Times
    variables: tuple[str, ...]
    start: int | None = 0
    form: FileForm = field(default_factory=FileForm)

    def __post_init__(self) -> None:
        if not len(self.values):
            raise ShapeError(expected="a series of at least one step", got="none", remedy="provide more data")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def frame(self) -> tuple[int, ...]:
        """The shape of one step: ``()`` for a series of one variable."""
        return tuple(self.values.shape[1:])


class SeriesDataset(Dataset):
    """Base class of datasets whose events are windows of series, ``(window, *frame)``, with time as the first axis.

    Subclasses implement ``series``. Optional: ``alignment``, ``context_at``.
    """

    @property
    def alignment(self) -> int:
        """Windows begin at multiples of so many steps, to have first steps alike; 1 if they begin anywhere."""
        return 1

    @abstractmethod
    def series(self, path: str | Path | None = None) -> TimeSeries:
        """The series in a file of the kind that the dataset reads; without a path the dataset's own, to its end.

        Raises ``DataError`` for a file that cannot be read, or of other variables.
        """

    def context_at(self, step: int) -> Float[Tensor, " context"] | None:
        """The context of a window that begins ``step`` steps after the dataset's own series, or None by default."""
        return None
