"""Two-dimensional events, for orders that are defined on a matrix only."""

from __future__ import annotations

from tensorar import Ordering


def matrix_sides(ordering: Ordering, event_shape: tuple[int, ...]) -> tuple[int, int]:
    """The rows and columns of an event that is a matrix apart from axes of size 1 (a vector is a matrix of one row).

    Raises ``ShapeError`` when more than two axes are longer than 1.
    """
    long = [size for size in event_shape if size > 1]
    if len(long) > 2:
        raise ordering.unsupported(event_shape, "at most two axes longer than 1")
    rows, columns = [1] * (2 - len(long)) + long
    return rows, columns
