"""The zeros around maps that a convolution with an off-center kernel needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Frame:
    """Zeros on both sides of each axis (``around``), or on one side, copied around the maps first (``pad``).

    ``crop`` leaves out the surplus of the output; None if there is none. Both are arguments of
    ``torch.nn.functional.pad``, which keeps the layout of the maps, and that of their gradients.
    """

    around: tuple[int, ...]
    pad: tuple[int, ...] | None = None
    crop: tuple[int, ...] | None = None


@lru_cache(maxsize=256)
def frame_of(sizes: tuple[int, ...], padding: tuple[tuple[int, int], ...], max_overhead: float) -> Frame:
    """The frame for zeros before and after each axis (negative: positions to leave out).

    Nothing is copied if that costs at most ``max_overhead`` times as many positions as are wanted.

    >>> frame_of((28, 28), ((1, 0), (1, 1)), 1.1)
    Frame(around=(1, 1), pad=None, crop=(0, 0, 0, -1))
    >>> frame_of((2, 2), ((2, 0), (1, 1)), 1.1)
    Frame(around=(0, 0), pad=(1, 1, 2, 0), crop=None)
    """
    around = tuple(max(0, *pair) for pair in padding)
    surplus = [(p - before, p - after) for p, (before, after) in zip(around, padding, strict=True)]
    computed = math.prod(n + sum(pair) for n, pair in zip(sizes, surplus, strict=True))
    if computed > max_overhead * math.prod(sizes):
        return Frame((0,) * len(sizes), pad=_last_axis_first(padding))
    crop = _last_axis_first([(-before, -after) for before, after in surplus])
    return Frame(around, crop=crop if any(crop) else None)


def _last_axis_first(pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(p for pair in reversed(pairs) for p in pair)
