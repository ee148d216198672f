"""The display of an event of any shape: a number, a curve, an image, or slices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped

from tensorar.axes import AxisNames, guess_axes, horizontal_axis, points_up, vertical_axis
from tensorar.errors import ShapeError

VOLUME_AXES = ("depth", "height", "width")
# a volume of more slices is displayed by those through its center
MAX_SLICES = 9

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

    @property
    def is_partial(self) -> bool:
        """Whether some coefficients are in no cell: those of a volume beside the slices through its center."""
        return len(np.unique(self.cells)) - bool(self.gaps.any()) < math.prod(self.event_shape)

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
    runs from top to bottom (a pitch from bottom to top), the width (or the time) from left to right. Three channels are
    red, green and blue. One more axis makes a montage of slices; of several, the last becomes its columns and the
    others its rows. ``color=False`` shows channels as slices, for ranks and masks, which are no colors.

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
    turned = np.flip(index, vertical) if points_up(names) else index
    ordered = turned.transpose(*others, *last)
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


def view_of_events(event_shape: tuple[int, ...], *, axes: AxisNames | None = None) -> View:
    """The view for pictures of events: of a volume of more than nine slices, the three slices through its center.

    They lie side by side: from above (height by width), from the front (depth by width), and from the side (height by
    depth). Raises ``ShapeError`` if the event has no coefficients.

    >>> view_of_events((16, 20, 24)).cells.shape, view_of_events((9, 20, 24)).cells.shape
    ((20, 66), (62, 74))
    """
    names = guess_axes(event_shape) if axes is None else axes
    long_axes = [axis for axis, n in enumerate(event_shape) if n > 1]
    if sorted(names[axis] for axis in long_axes) != sorted(VOLUME_AXES):
        return view_of(event_shape, axes=axes)
    order = [names.index(name) for name in VOLUME_AXES]
    if event_shape[order[0]] <= MAX_SLICES:
        return view_of(event_shape, axes=axes)
    rest = [axis for axis in range(len(event_shape)) if axis not in order]
    index = np.arange(math.prod(event_shape)).reshape(event_shape).transpose(*rest, *order)
    return View("slices", event_shape, _side_by_side(_through_center(index.reshape(index.shape[len(rest) :]))))


def _through_center(index: Int[np.ndarray, "d h w"]) -> list[Int[np.ndarray, "_ _"]]:
    depth, height, width = (size // 2 for size in index.shape)
    return [index[depth], index[:, height], index[:, :, width].T]


def _side_by_side(slices: list[Int[np.ndarray, "_ _"]]) -> Int[np.ndarray, "height width"]:
    """Slices of different sizes in a row, with gaps one cell wide between them and below the lower ones."""
    height = max(len(cells) for cells in slices)
    padded = [np.pad(cells, ((0, height - len(cells)), (0, 1)), constant_values=-1) for cells in slices]
    return np.concatenate(padded, 1)[:, :-1]
