"""Ranks as a picture in HTML, for notebooks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

MAX_NUMBERED_CELLS = 100
PICTURE_PIXELS = 260
# dark blue to yellow, as in the pictures of orders
FIRST, LAST = (0, 34, 78), (253, 231, 55)


def rank_picture(ranks: Any, event_shape: tuple[int, ...]) -> str:
    """An SVG of nested lists of ranks: cells from first (dark) to last (light), leading axes side by side.

    >>> rank_picture([[0, 1], [3, 2]], (2, 2)).count("<rect")
    4
    """
    long_axes = [size for size in event_shape if size > 1]
    height, width = (1, 1, *long_axes)[-2:]
    blocks = math.prod(long_axes[:-2])
    flat = list(_flat(ranks))
    columns = blocks * (width + 1) - 1
    side = max(4, min(26, PICTURE_PIXELS // max(columns, height)))
    numbered = len(flat) <= MAX_NUMBERED_CELLS
    cells = "".join(
        _cell(rank, len(flat), i // (height * width) * (width + 1) + i % width, i // width % height, side, numbered)
        for i, rank in enumerate(flat)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * side}" height="{height * side}">{cells}</svg>'


def _flat(ranks: Any) -> Iterator[int]:
    if isinstance(ranks, list):
        for some in ranks:
            yield from _flat(some)
    else:
        yield ranks


def _cell(rank: int, count: int, column: int, row: int, side: int, numbered: bool) -> str:
    share = rank / max(1, count - 1)
    color = ",".join(str(round(a + share * (b - a))) for a, b in zip(FIRST, LAST, strict=True))
    x, y = column * side, row * side
    cell = f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="rgb({color})"/>'
    if not numbered or side < 12:
        return cell
    ink = "white" if share < 0.5 else "black"
    place = f'x="{x + side / 2}" y="{y + side / 2}" text-anchor="middle" dominant-baseline="central"'
    return cell + f'<text {place} font-size="{side * 0.42:.0f}" fill="{ink}">{rank}</text>'
