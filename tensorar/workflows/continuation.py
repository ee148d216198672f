"""Steps after a series, drawn window by window."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.series import TimeSeries


def window_start(first: int, end: int, wanted: int, window: int, alignment: int) -> int:
    """The step at which the window begins in which the steps from ``end`` on are drawn, given those from ``first``.

    Windows begin at multiples of ``alignment``. Of those in which ``wanted`` steps, or half a window, can be drawn it
    is the one with the longest past.

    >>> window_start(0, 100, 30, window=60, alignment=1), window_start(0, 100, 500, window=60, alignment=1)
    (70, 70)
    >>> window_start(0, 100, 12, window=48, alignment=24), window_start(0, 10, 12, window=48, alignment=24)
    (72, 0)
    """
    drawn = min(wanted, window - window // 2)
    start = min(-(-(end + drawn - window) // alignment), end // alignment) * alignment
    if start >= first:
        return start
    inside = -(-first // alignment) * alignment
    return inside if inside <= end else first // alignment * alignment


@dataclass
class Continuation:
    """Draws the steps after a series in windows that ``sample(evidence, first_step)`` completes.

    ``windows`` counts them, and ``seen`` is the fewest steps that one of them was given.
    """

    past: TimeSeries
    window: int
    alignment: int
    sample: Callable[[Evidence, int], Tensor]
    progress: Callable[[int, int], None]
    windows: int = 0
    seen: int = sys.maxsize

    def draw(self, draws: int, horizon: int) -> Float[Tensor, "draws horizon *frame"]:
        """``horizon`` steps after the series, each draw given its own earlier steps."""
        begin = self.past.start or 0
        end = begin + len(self.past)
        first, last = max(begin, end - 2 * self.window), end + horizon
        values = self.past.values[first - end :].double()
        values = values.expand(draws, *values.shape)
        while (now := first + values.shape[1]) < last:
            values = self._with_next(values, first, last - now, lambda steps: self.progress(steps - end, horizon))
        return values[:, -horizon:]

    def _with_next(
        self, values: Float[Tensor, "draws steps *frame"], first: int, wanted: int, progress: Callable[[int], None]
    ) -> Float[Tensor, "draws more *frame"]:
        """The values from step ``first`` on, and as many of the ``wanted`` next ones as a window takes."""
        end = first + values.shape[1]
        start = window_start(first, end, wanted, self.window, self.alignment)
        stop, kept = min(end + wanted, start + self.window), max(start, first)
        given = torch.full((len(values), self.window, *values.shape[2:]), torch.nan, dtype=values.dtype)
        given[:, kept - start : end - start] = values[:, kept - first :]
        self.windows, self.seen = self.windows + 1, min(self.seen, end - kept)
        drawn = self.sample(Evidence.observed(given), start).cpu().to(values.dtype)
        progress(stop)
        # what was missing of the past has been drawn, too
        return torch.cat([values[:, : kept - first], drawn[:, kept - start : stop - start]], 1)
