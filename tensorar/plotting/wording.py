"""How a table names the coefficients of its rows, and writes their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Wording:
    """The names of all coefficients, and the texts of values of one: ``write(coefficient, values)``."""

    names: Sequence[str]
    write: Callable[[int, Sequence[float]], list[str]]
