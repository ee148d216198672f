"""Decimal numbers as float64, and the digits that get lost on the way."""

from __future__ import annotations

import math
from array import array
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

import numpy as np
from jaxtyping import Float64

# decimals of so many digits are recovered from their nearest float64
SAFE_DIGITS = 15
MAX_EXACT_INTEGER = 2**53
SMALLEST_NORMAL = 2.0**-1022
MAX_CHARACTERS = 2000
USUAL_FORMATS = (".17g", ".18e")
HASH_MASK = 2**32 - 1
# exact for all cells that are considered; those that are even smaller than its exponents become 0
EXACT = Context(prec=MAX_CHARACTERS, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def parse_number(cell: str) -> float | None:
    """A finite decimal number without the underscores that Python allows, or None for other text."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell and len(cell) <= MAX_CHARACTERS else None


def may_lose_digits(cell: str, number: float) -> bool:
    """Whether ``loses_digits`` needs to be called; quick."""
    return len(cell) > SAFE_DIGITS or (abs(number) < SMALLEST_NORMAL and bool(cell.strip(" +-0.")))


def loses_digits(cell: str, number: float) -> bool:
    """Whether a cell has digits that its nearest float64 does not determine.

    Not so for any decimal that was printed from a float64, to however many digits.

    >>> loses_digits("0.1", 0.1), loses_digits("0.1000000000000000056", 0.1), loses_digits("9007199254740993", 2.0**53)
    (False, False, True)
    """
    # the usual formats first, since decimal arithmetic is slow
    if repr(number) == cell or any(f"{number:{form}}" == cell for form in USUAL_FORMATS):
        return False
    if number == 0:
        return cell.lower().partition("e")[0].strip(" \t+-0.") != ""
    exact = EXACT.create_decimal(cell.strip())
    digits = len(exact.normalize(EXACT).as_tuple().digits)
    return exact != Decimal(f"{number:.{digits - 1}e}")


def is_large_integer(cell: str, number: float) -> bool:
    """Whether a cell is an integer, written without a point or exponent, beyond those that float64 holds exactly."""
    return abs(number) >= MAX_EXACT_INTEGER and cell.strip().lstrip("+-").isdecimal()


class LostDigits:
    """The digits lost so far, as a hash per cell, to find cells that differ in the text and not in float64."""

    def __init__(self) -> None:
        self._hashes = array("I")

    def add(self, index: int, cell: str) -> None:
        """Note that the cell of this index loses digits. Indices increase."""
        self._hashes.frombytes(bytes((index - len(self._hashes)) * self._hashes.itemsize))
        self._hashes.append(1 + hash(EXACT.create_decimal(cell.strip())) % HASH_MASK)

    def find_merged(self, table: Float64[np.ndarray, "n columns"]) -> tuple[int, int, int] | None:
        """Two rows and the column in which their cells differ in the text only; None if there are none."""
        if not self._hashes:
            return None
        self._hashes.frombytes(bytes((table.size - len(self._hashes)) * self._hashes.itemsize))
        hashes = np.frombuffer(self._hashes, np.uint32).reshape(table.shape)
        for column in np.flatnonzero(hashes.any(0)):
            order = table[:, column].argsort(kind="stable")
            numbers, lost = table[order, column], hashes[order, column]
            merged = np.flatnonzero((numbers[1:] == numbers[:-1]) & (lost[1:] != lost[:-1]))
            if len(merged):
                first, second = sorted(order[merged[0] : merged[0] + 2].tolist())
                return first, second, int(column)
        return None
