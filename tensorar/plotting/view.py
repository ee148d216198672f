"""The display of an event of any shape: a number, a curve, an image, or slices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped

from tensorar.errors import ShapeError

Kind = Literal["number", "curve", "image", "rgb", "slices"]


@dataclass(frozen=True, eq=False)
class View:
    """The cell in which each coefficient is displayed, the same for values, masks, ranks and marks.

    ``cells`` holds the flat index of the coefficient in each cell, and -1 in the gaps between slices: ``(h, w)``, or
    ``(h, w, 3)`` if ``kind`` is "rgb". Curves and numbers are one row.
    """

    kind: Kind
    event_shape: tuple[int, ...]
    cells: Int[np.ndarray, "h w *rgb"]

    @property
    def height(self) -> int:
        """The number of rows of cells."""
        return int(self.cells.shape[0])

    @property
    def width(self) -> int:
        """The number of columns of cells."""
        return int(self.cells.shape[1])

    @property
    def cell_aspect(self) -> float:
        """The height of a cell divided by its width: 1, unless the event is very long in one direction."""
        ratio = self.width / self.height
        return max(1.0, ratio / 4) if ratio >= 1 else min(1.0, ratio * 4)

    @property
    def gaps(self) -> Shaped[np.ndarray, "h w"]:
        """The cells without a coefficient."""
        gaps: np.ndarray = self.cells.reshape(self.height, self.width, -1)[..., 0] < 0
        return gaps

    def arrange(self, event: Shaped[np.ndarray, "..."], gap: Any = 0) -> Shaped[np.ndarray, "h w *rgb"]:
        """Arrange one value per coefficient in the cells of the view."""
        arranged: np.ndarray = np.where(self.cells < 0, gap, event.ravel()[self.cells])
        return arranged

    def position(self, coefficient: int) -> tuple[int, int]:
        """The row and the column in which a coefficient (flat index) is displayed."""
        row, column, *_ = np.argwhere(self.cells == coefficient)[0]
        return int(row), int(column)


def view_of(event_shape: tuple[int, ...], *, color: bool = True) -> View:
    """The view of events of a shape, in which axes of size 1 do not count.

    Without axes an event is a number, with one a curve, with two an image; with three it is an RGB image if the first
    has size 3, else a montage of slices. With more, the leading axes become rows of the montage and the next one its
    columns. ``color=False`` shows RGB channels as slices, for ranks and masks, which are no colors.

    Raises ``ShapeError`` if the event has no coefficients.

    >>> view_of((1, 28, 28)).kind, view_of((3, 8, 8)).kind, view_of((3, 8, 8), color=False).cells.shape
    ('image', 'rgb', (8, 26))
    """
    size = math.prod(event_shape)
    if size == 0:
        raise ShapeError(
            expected="at least one coefficient", got=f"events {event_shape}", remedy="pass events without empty axes"
        )
    long_axes = tuple(n for n in event_shape if n > 1)
    flat = np.arange(size)
    if len(long_axes) < 2:
        return View("curve" if long_axes else "number", event_shape, flat.reshape(1, size))
    if len(long_axes) == 2:
        return View("image", event_shape, flat.reshape(long_axes))
    index = flat.reshape(-1, *long_axes[-3:])
    if color and index.shape[:2] == (1, 3):
        return View("rgb", event_shape, index[0].transpose(1, 2, 0))
    return View("slices", event_shape, _montage(index if len(long_axes) > 3 else _wrap(index[0])))


def _wrap(slices: Int[np.ndarray, "s h w"]) -> Int[np.ndarray, "rows columns h w"]:
    """Arrange slices in rows: one row for up to four, else about as many rows as columns; the last is padded."""
    count = len(slices)
    columns = count if count <= 4 else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    filled = np.pad(slices, ((0, rows * columns - count), (0, 0), (0, 0)), constant_values=-1)
    return filled.reshape(rows, columns, *slices.shape[1:])


def _montage(index: Int[np.ndarray, "rows columns h w"]) -> Int[np.ndarray, "height width"]:
    """All slices in one array, separated by gaps one cell wide."""
    rows, columns, h, w = index.shape
    spaced = np.pad(index, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-1)
    return spaced.transpose(0, 2, 1, 3).reshape(rows * (h + 1), columns * (w + 1))[:-1, :-1]
