"""Orderings that are wrong in larger shapes or with other options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tests.testing.reference import Backwards, Shuffle


class WrongBeyond32(Backwards):
    """A sort by 32 bins: larger events repeat indices."""

    def visits(self, event_shape):
        return super().visits(event_shape) % max(32, math.prod(event_shape) // 2)


class WrongBeyond128(Backwards):
    """Indices in 7 bits."""

    def visits(self, event_shape):
        return super().visits(event_shape) % 128


class WrongForLongLastAxes(Backwards):
    """Four axes of which the last is longer than 4: one index is visited twice."""

    def visits(self, event_shape):
        visits = super().visits(event_shape)
        if len(event_shape) == 4 and event_shape[-1] > 4:
            visits[-1] = visits[0]
        return visits


class ErrorForSevenRows(Backwards):
    """Another error than ``ShapeError`` for an event with seven rows and several columns."""

    def visits(self, event_shape):
        if event_shape[:1] == (7,) and len(event_shape) == 2:
            raise IndexError("no row 7")
        return super().visits(event_shape)


@dataclass(frozen=True, kw_only=True)
class WrongUnlessReversed(Backwards):
    """One value of a Boolean option visits an index twice.

    Options:
        reverse: Whether the last row comes first.
    """

    reverse: bool = True

    def row(self, row, rows):
        return super().row(row, rows) if self.reverse else row // 2


@dataclass(frozen=True, kw_only=True)
class WrongFromTheMiddle(Backwards):
    """One of three choices visits an index twice.

    Options:
        start: Row that comes first.
    """

    start: Literal["last", "first", "middle"] = "last"

    def row(self, row, rows):
        return {"last": rows - 1 - row, "first": row, "middle": (row - rows // 2).abs() % rows}[self.start]


class DrawsForFewCoefficients(Shuffle):
    """Draws for at most 24 coefficients, though it visits more."""

    def draw(self, event_shape, generator=None):
        if math.prod(event_shape) > 24:
            raise self.unsupported(event_shape, "at most 24 coefficients")
        return super().draw(event_shape, generator)


CAUGHT = {
    WrongBeyond32: "permutation",
    WrongBeyond128: "permutation",
    WrongForLongLastAxes: "permutation",
    ErrorForSevenRows: "permutation",
    WrongUnlessReversed: "permutation",
    WrongFromTheMiddle: "permutation",
    DrawsForFewCoefficients: "methods_take_the_same_shapes",
}
