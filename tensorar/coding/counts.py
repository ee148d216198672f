"""Counts without an upper bound as symbols: a window of likely ones, and an escape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64, Int, Int64
from torch import Tensor
from torch.distributions import Distribution

from tensorar.coding.alphabet import Alphabet
from tensorar.coding.streams import SymbolStream
from tensorar.errors import NumericalError
from tensorar.support import MAX_LEVELS

# a window of counts grows until what is outside is less likely; it then costs an escape
NEGLIGIBLE = 2.0**-20
DEVIATIONS = 8


class CountAlphabet(Alphabet):
    """Counts without an upper bound: a window of likely ones, and an escape to any other.

    A window holds all but ``2**-20`` of the probability, unless it would be wider than 65536 counts. A count outside is
    an escape symbol, which has the rest of the probability, and its distance from the window.
    """

    rows = 64

    def __init__(self, lowest: int) -> None:
        self.lowest = lowest

    def code(
        self, stream: SymbolStream, distribution: Distribution, values: Int64[np.ndarray, " n"] | None
    ) -> Int[np.ndarray, " n"]:
        """Code counts."""
        window = Window.around(distribution, self.lowest)
        start = window.start.long().numpy()
        symbols = None if values is None else window.symbols(values - start)
        found = stream.code(symbols, window.probabilities)
        places: Int64[np.ndarray, " n"] = found.astype(np.int64)
        for row in np.flatnonzero(found == window.width):
            given = 0 if values is None else _distance(int(values[row] - start[row]), window.width)
            places[row] = _place(stream.code_natural(given), window.width)
        places += start
        return places

    def likeliest(self, distribution: Distribution) -> Int[np.ndarray, " n"]:
        """The mode, as far as it lies in the window."""
        window = Window.around(distribution, self.lowest)
        modes: Int64[np.ndarray, " n"] = (window.start + window.log_prob.argmax(1)).long().numpy()
        return modes


@dataclass(frozen=True, eq=False)
class Window:
    """For each example ``width`` counts from ``start``, and the table of their probabilities and of the escape."""

    start: Float64[Tensor, " n"]
    log_prob: Float64[Tensor, "n width"]

    @classmethod
    def around(cls, distribution: Distribution, lowest: int) -> Window:
        """The window around the means. Raises ``NumericalError`` for moments that are not finite."""
        mean, deviation = distribution.mean, distribution.stddev
        if not bool((mean + deviation).isfinite().all()):
            raise NumericalError(
                expected="counts with a finite mean and variance", got="NaN or infinity", remedy="check the weights"
            )
        start = (mean - DEVIATIONS * (deviation + 1)).floor().clamp(min=lowest)
        widest = float((mean + DEVIATIONS * (deviation + 1) - start).max())
        width = min(MAX_LEVELS, 1 << int(widest).bit_length())
        while True:
            found = cls(start, _log_prob(distribution, start, width))
            if width >= MAX_LEVELS or bool((found.escape < NEGLIGIBLE).all()):
                return found
            width *= 2

    @property
    def width(self) -> int:
        """The number of counts."""
        return self.log_prob.shape[1]

    @cached_property
    def escape(self) -> Float64[Tensor, " n"]:
        """The probability of all counts outside."""
        return (1 - self.log_prob.exp().sum(1)).clamp(min=0)

    @property
    def probabilities(self) -> Float64[np.ndarray, "n symbols"]:
        """The table: the counts, and then the escape."""
        return torch.cat([self.log_prob.exp(), self.escape.unsqueeze(1)], 1).numpy()

    def symbols(self, places: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The symbols of counts by their distance from the start."""
        inside = (places >= 0) & (places < self.width)
        return np.where(inside, places, self.width)


def _log_prob(distribution: Distribution, start: Tensor, width: int) -> Tensor:
    counts = start + torch.arange(width, dtype=start.dtype).unsqueeze(1)
    return distribution.log_prob(counts).double().T


def _distance(place: int, width: int) -> int:
    """A natural number for each place outside the window: even ones for those above, odd ones for those below."""
    return 2 * (place - width) if place >= width else -2 * place - 1


def _place(distance: int, width: int) -> int:
    return -(distance + 1) // 2 if distance % 2 else width + distance // 2
