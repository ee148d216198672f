"""What the two-dimensional orders share."""

from __future__ import annotations

from tensorar import Ordering


def matrix_sides(ordering: Ordering, event_shape: tuple[int, ...]) -> tuple[int, int]:
    """The two sides of an event that is a matrix but for axes of size 1 (a vector is a matrix of one row).

    Raises ``ShapeError`` when more than two axes are longer than 1.
    """
    long = [size for size in event_shape if size > 1]
    if len(long) > 2:
        raise ordering.unsupported(event_shape, "at most two axes longer than 1")
    rows, columns = [1] * (2 - len(long)) + long
    return rows, columns
