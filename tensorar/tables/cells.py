"""Cells of text as numbers, column by column."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Shaped

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "?", "-", "<na>", "nat", "#n/a")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# digits that are no number: postcodes, telephone numbers
CODE = re.compile(r"0\d+")


def is_missing(cells: Shaped[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which cells stand for a missing value."""
    return each(cells, lambda cell: cell.lower() in MISSING_WORDS, bool)


def numbers_of(cells: Shaped[np.ndarray, " n"], decimal: str) -> Float64[np.ndarray, " n"]:
    """The finite number in each cell, NaN for other text.

    >>> numbers_of(np.array(["1,5", "x", "2"], object), ",").tolist()
    [1.5, nan, 2.0]
    """

    def number(cell: str) -> float:
        text = cell.replace(",", ".") if decimal == "," and "." not in cell else cell
        return float(text) if NUMBER.fullmatch(text) else np.nan

    found = each(cells, number, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def decimals_of(cells: Shaped[np.ndarray, " n"]) -> int | None:
    """The most digits after the decimal sign; None where a number is written with an exponent."""
    texts = [str(cell) for cell in np.unique(cells.astype(str))]
    if any("e" in text.lower() for text in texts):
        return None
    return max((len(text.replace(",", ".").partition(".")[2]) for text in texts), default=0)


def write_numbers(values: Float64[np.ndarray, " n"], decimals: int | None, decimal: str) -> Shaped[np.ndarray, " n"]:
    """Numbers with so many digits after the decimal sign, or six in all; empty for NaN."""

    def text(value: float) -> str:
        if np.isnan(value):
            return ""
        # adding 0 makes a rounded -0 a 0
        written = f"{value:.6g}" if decimals is None else f"{round(value, decimals) + 0.0:.{decimals}f}"
        return written.replace(".", decimal)

    return each(values, text, object)


def each(cells: Shaped[np.ndarray, " n"], function: Any, dtype: Any) -> Shaped[np.ndarray, " n"]:
    """A function of each cell, computed once for each distinct one."""
    import pandas

    codes, distinct = pandas.factorize(cells)
    found = np.empty(len(distinct), dtype)
    found[:] = [function(cell) for cell in distinct]
    if (codes < 0).any():
        found, codes = np.append(found, np.array([function(np.nan)], dtype)), np.where(codes < 0, len(distinct), codes)
    return found[codes]
