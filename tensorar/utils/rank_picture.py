"""Ranks as a picture in HTML, for notebooks: numbered cells where there are few, else a pixel each."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int

from tensorar.utils.pixel_picture import pixel_picture

MAX_NUMBERED_CELLS = 100
PICTURE_PIXELS = 260
# dark blue to yellow, as in the pictures of orders
FIRST, LAST = (0, 34, 78), (253, 231, 55)


def rank_picture(ranks: Int[np.ndarray, "*event"]) -> str:
    """Cells from the first visited (dark) to the last (light), leading axes side by side; numbered if at most 100.

    >>> rank_picture(np.array([[0, 1], [3, 2]])).count("<rect")
    4
    """
    if ranks.size > MAX_NUMBERED_CELLS:
        share = ranks[..., None] / (ranks.size - 1)
        colors = np.array(FIRST) + share * (np.array(LAST) - np.array(FIRST))
        return pixel_picture(colors.round().astype(np.uint8), "ranks, from first (dark) to last (light)")
    return _numbered_cells(ranks)


def _numbered_cells(ranks: Int[np.ndarray, "*event"]) -> str:
    long_axes = [size for size in ranks.shape if size > 1]
    height, width = (1, 1, *long_axes)[-2:]
    columns = math.prod(long_axes[:-2]) * (width + 1) - 1
    side = max(4, min(26, PICTURE_PIXELS // max(columns, height)))
    cells = "".join(
        _cell(rank, ranks.size, i // (height * width) * (width + 1) + i % width, i // width % height, side)
        for i, rank in enumerate(ranks.flatten().tolist())
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * side}" height="{height * side}">{cells}</svg>'


def _cell(rank: int, count: int, column: int, row: int, side: int) -> str:
    share = rank / max(1, count - 1)
    color = ",".join(str(round(a + share * (b - a))) for a, b in zip(FIRST, LAST, strict=True))
    x, y = column * side, row * side
    cell = f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="rgb({color})"/>'
    if side < 12:
        return cell
    ink = "white" if share < 0.5 else "black"
    place = f'x="{x + side / 2}" y="{y + side / 2}" text-anchor="middle" dominant-baseline="central"'
    return cell + f'<text {place} font-size="{side * 0.42:.0f}" fill="{ink}">{rank}</text>'
