"""Decimal numbers as float64, and the digits that get lost on the way."""

from __future__ import annotations

import math
from array import array
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

import numpy as np
from jaxtyping import Float64

# decimals with this many digits are recovered from their nearest float64, unless it is subnormal
SAFE_DIGITS = 15
MAX_EXACT_INTEGER = 2**53
SMALLEST_NORMAL = 2.0**-1022
NONZERO_DIGITS = frozenset("123456789")
MAX_CHARACTERS = 2000
USUAL_FORMATS = (".17g", ".18e")
HASH_MASK = 2**32 - 1
# exact for cells of MAX_CHARACTERS, apart from exponents below MIN_EMIN, which give 0
EXACT = Context(prec=MAX_CHARACTERS, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def parse_number(cell: str) -> float | None:
    """A finite decimal number, or None for other text; underscores, which Python allows, are not accepted."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell and len(cell) <= MAX_CHARACTERS else None


def loses_digits(cell: str, number: float) -> bool:
    """Whether a cell has digits that its nearest float64 does not determine.

    A decimal that was printed from a float64, to any number of digits, has none.

    >>> loses_digits("0.1", 0.1), loses_digits("0.1000000000000000056", 0.1), loses_digits("9007199254740993", 2.0**53)
    (False, False, True)
    """
    if number == 0:
        return not NONZERO_DIGITS.isdisjoint(cell.lower().partition("e")[0])
    if len(cell) <= SAFE_DIGITS and abs(number) >= SMALLEST_NORMAL:
        return False
    # before decimal arithmetic, which is slow
    if repr(number) == cell or any(f"{number:{form}}" == cell for form in USUAL_FORMATS):
        return False
    exact = EXACT.create_decimal(cell.strip())
    digits = len(exact.normalize(EXACT).as_tuple().digits)
    return exact != Decimal(f"{number:.{digits - 1}e}")


def is_large_integer(cell: str, number: float) -> bool:
    """Whether a cell is an integer in digits alone that may be too large for float64 to hold exactly."""
    return abs(number) >= MAX_EXACT_INTEGER and cell.strip().lstrip("+-").isdecimal()


class LostDigits:
    """Hashes of the cells that lose digits (0 for others), to find cells that differ in the text but not in float64."""

    def __init__(self) -> None:
        self._hashes = array("I")

    def add(self, index: int, cell: str) -> None:
        """Record a cell that loses digits. Indices must increase."""
        self._hashes.frombytes(bytes((index - len(self._hashes)) * self._hashes.itemsize))
        self._hashes.append(1 + hash(EXACT.create_decimal(cell.strip())) % HASH_MASK)

    def find_merged(self, table: Float64[np.ndarray, "n columns"]) -> tuple[int, int, int] | None:
        """Two rows and a column in which their cells differ in the text only; None if there are none."""
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
