"""Numbers as people write them: with groups of digits, a percent sign or a currency."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from tensorar.tables.cells import numbers_of

# signs between groups of three digits, beside the point or comma that is no decimal sign
GROUP_SIGNS = ("'", "\u2019", "\u00a0", "\u202f", " ")
UNITS = "%‰°"
AROUND = re.compile(r"(?P<prefix>[^\d+\-.,]*).*?(?P<suffix>\D*)", re.DOTALL)


@dataclass(frozen=True)
class NumberStyle:
    """What the cells of a column of numbers have besides digits: ``12,345.50 €`` has groups and a suffix."""

    prefix: str = ""
    suffix: str = ""
    group: str = ""

    def plain(self, cells: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
        """The cells as plain numbers, where they are written in this style; others as they are."""
        if self == PLAIN:
            return cells
        return np.array([self._plain(cell) for cell in cells], object)

    def _plain(self, cell: str) -> str:
        if not (cell.startswith(self.prefix) and cell.endswith(self.suffix)):
            return cell
        bare = cell[len(self.prefix) : len(cell) - len(self.suffix)]
        is_grouped = self.group and re.fullmatch(_grouped(self.group) + r"\D?\d*", bare)
        return bare.replace(self.group, "") if is_grouped else bare

    def dressed(self, texts: Shaped[np.ndarray, " n"], decimal: str) -> Shaped[np.ndarray, " n"]:
        """Plain numbers in this style; empty cells stay empty."""
        if self == PLAIN:
            return texts
        return np.array([self._dressed(text, decimal) if text else "" for text in texts], object)

    def _dressed(self, text: str, decimal: str) -> str:
        whole, sign, fraction = text.partition(decimal)
        grouped = re.sub(r"(?<=\d)(?=(\d{3})+$)", lambda _: self.group, whole)
        return f"{self.prefix}{grouped}{sign}{fraction}{self.suffix}"

    def __str__(self) -> str:
        return f"{self.prefix}1{self.group}234{self.suffix}" if self.group else f"{self.prefix}1{self.suffix}"


PLAIN = NumberStyle()


def style_of(cells: Shaped[np.ndarray, " n"], decimal: str) -> NumberStyle:
    """The style in which all cells are numbers; the plain one if there is none.

    >>> str(style_of(np.array(["1,234.5", "99"], object), ".")), str(style_of(np.array(["$5", "$7.50"], object), "."))
    ('1,234', '$1')
    """
    distinct = sorted(set(cells))
    around = AROUND.fullmatch(distinct[0]) if distinct else None
    if around is None or not (is_unit(around["prefix"]) and is_unit(around["suffix"])):
        return PLAIN
    prefix, suffix = around["prefix"], around["suffix"]
    signs = ("", "," if decimal == "." else ".", *GROUP_SIGNS)
    for style in (NumberStyle(prefix, suffix, sign) for sign in signs):
        plain = style.plain(np.array(distinct, object))
        # a point that is left would be read as a decimal one
        is_read = decimal == "." or not any("." in cell for cell in plain)
        if is_read and not np.isnan(numbers_of(plain, decimal)).any():
            return style
    return PLAIN


def _grouped(sign: str) -> str:
    return rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(sign)}\d{{3}})+"


def is_unit(text: str) -> bool:
    """Whether a text is nothing, a percent sign, or a currency."""
    sign = text.strip()
    return not sign or (len(sign) == 1 and (sign in UNITS or unicodedata.category(sign) == "Sc"))
