"""The display of an event of any shape: a number, a curve, an image, or slices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped

from tensorar.axes import AxisNames, guess_axes, horizontal_axis, vertical_axis
from tensorar.errors import ShapeError

Kind = Literal["number", "curve", "image", "rgb", "slices"]


@dataclass(frozen=True, eq=False)
class View:
    """The cell in which each coefficient is displayed, the same for values, masks, ranks and marks.

    ``cells`` holds the flat index of the coefficient in each cell, and -1 in the gaps between slices: ``(h, w)``, or
    ``(h, w, 3)`` in color. Curves and numbers are one row.
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


def view_of(event_shape: tuple[int, ...], *, axes: AxisNames | None = None, color: bool = True) -> View:
    """The view of events of a shape, in which axes of size 1 do not count; ``axes`` are their names, else guessed.

    Without axes an event is a number, with one a curve, with two an image: the height (or else the last free axis)
    runs from top to bottom, the width (or the time) from left to right. Three channels are red, green and blue. One
    more axis makes a montage of slices; of several, the last becomes its columns and the others its rows.
    ``color=False`` shows channels as slices, for ranks and masks, which are no colors.

    Raises ``ShapeError`` if the event has no coefficients.

    >>> view_of((1, 28, 28)).kind, view_of((8, 8, 3)).kind, view_of((8, 8, 3), color=False).cells.shape
    ('image', 'rgb', (8, 26))
    """
    size = math.prod(event_shape)
    if size == 0:
        raise ShapeError(
            expected="at least one coefficient", got=f"events {event_shape}", remedy="pass events without empty axes"
        )
    names = guess_axes(event_shape) if axes is None else axes
    names = tuple(name for name, n in zip(names, event_shape, strict=True) if n > 1)
    long_axes = tuple(n for n in event_shape if n > 1)
    if len(long_axes) < 2:
        return View("curve" if long_axes else "number", event_shape, np.arange(size).reshape(1, size))
    index, count, is_color = _arranged(np.arange(size).reshape(long_axes), names, color)
    if count == 0:
        return View("rgb" if is_color else "image", event_shape, index[0, 0])
    return View("slices", event_shape, _montage(_wrap(index[0]) if count == 1 else index))


def _arranged(
    index: Int[np.ndarray, "..."], names: AxisNames, color: bool
) -> tuple[Int[np.ndarray, "rows columns h w *rgb"], int, bool]:
    """The coefficients by row and column of a montage and within its slices; the axes beside those of slices; color."""
    horizontal, vertical = horizontal_axis(names), vertical_axis(names)
    if vertical is None:
        vertical = next(axis for axis in range(len(names)) if axis != horizontal)
    channel = names.index("channel") if "channel" in names else vertical
    is_color = color and channel not in (vertical, horizontal) and index.shape[channel] == 3
    last = (vertical, horizontal, channel) if is_color else (vertical, horizontal)
    others = [axis for axis in range(len(names)) if axis not in last]
    ordered = index.transpose(*others, *last)
    slices = ordered.shape[len(others) :]
    columns = ordered.shape[len(others) - 1] if others else 1
    return ordered.reshape(-1, columns, *slices), len(others), is_color


def _wrap(slices: Int[np.ndarray, "s h w *rgb"]) -> Int[np.ndarray, "rows columns h w *rgb"]:
    """Arrange slices in rows: one row for up to four, else about as many rows as columns; the last is padded."""
    count = len(slices)
    columns = count if count <= 4 else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padding = [(0, rows * columns - count), *[(0, 0)] * (slices.ndim - 1)]
    filled = np.pad(slices, padding, constant_values=-1)
    return filled.reshape(rows, columns, *slices.shape[1:])


def _montage(index: Int[np.ndarray, "rows columns h w *rgb"]) -> Int[np.ndarray, "height width *rgb"]:
    """All slices in one array, separated by gaps one cell wide."""
    rows, columns, h, w, *rgb = index.shape
    spaced = np.pad(index, ((0, 0), (0, 0), (0, 1), (0, 1), *[(0, 0)] * len(rgb)), constant_values=-1)
    tiled = spaced.swapaxes(1, 2).reshape(rows * (h + 1), columns * (w + 1), *rgb)
    return tiled[:-1, :-1]
