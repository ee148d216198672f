"""Range coding of symbols with given probabilities, by constriction: one interface for writing and for reading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import ModuleType

import numpy as np
from jaxtyping import Float64, Int32

from tensorar.errors import TensorarError

WORD_BYTES = 4
# raw bits are coded so many at once
BITS_AT_ONCE = 16


def load_constriction() -> ModuleType:
    """The library of the coder. Raises ``TensorarError`` if it is not installed."""
    try:
        import constriction
    except ImportError as error:
        raise TensorarError(
            expected="the library constriction, to code events",
            got="none installed",
            remedy="pip install tensorar[compress]",
        ) from error
    library: ModuleType = constriction
    return library


class SymbolStream(ABC):
    """A sequence of symbols that is written or read: both sides make the same calls.

    ``code`` turns probabilities into whole numbers of 24 bits, of at least 1 for every symbol. Bamler, "Understanding
    entropy coding with asymmetric numeral systems", 2022, describes the library; Martin, "Range encoding", 1979, the
    coder.
    """

    def __init__(self) -> None:
        model = load_constriction().stream.model
        # perfect=True, once the default, is slower and gives other streams
        self._categorical, self._uniform = model.Categorical(perfect=False), model.Uniform

    @abstractmethod
    def code(
        self, symbols: Int32[np.ndarray, " n"] | None, probabilities: Float64[np.ndarray, "n symbols"]
    ) -> Int32[np.ndarray, " n"]:
        """The symbols of ``n`` examples, given their probabilities (any non-negative numbers with a finite sum)."""

    @abstractmethod
    def code_uniform(self, number: int, count: int) -> int:
        """One of ``count`` equally likely numbers, at most ``2**16``."""

    def code_natural(self, number: int) -> int:
        """Any natural number below ``2**63``: the number of its bits, and then these."""
        bits, found = self.code_uniform(number.bit_length(), 64), 0
        for shift in range(0, bits, BITS_AT_ONCE):
            size = min(BITS_AT_ONCE, bits - shift)
            found |= self.code_uniform(number >> shift & (1 << size) - 1, 1 << size) << shift
        return found


class SymbolWriter(SymbolStream):
    """Writes symbols."""

    def __init__(self) -> None:
        super().__init__()
        self._encoder = load_constriction().stream.queue.RangeEncoder()
        self._probabilities: list[Float64[np.ndarray, " _"]] = []

    def code(
        self, symbols: Int32[np.ndarray, " n"] | None, probabilities: Float64[np.ndarray, "n symbols"]
    ) -> Int32[np.ndarray, " n"]:
        """Write symbols; returns them. Raises ``ValueError`` for probabilities that are not finite."""
        assert symbols is not None
        self._encoder.encode(symbols, self._categorical, probabilities)
        self._probabilities.append(probabilities.take(np.arange(len(symbols)) * probabilities.shape[1] + symbols))
        return symbols

    def code_uniform(self, number: int, count: int) -> int:
        """Write a number; returns it."""
        self._encoder.encode(np.array([number], np.int32), self._uniform(count))
        self._probabilities.append(np.full(1, 1 / count))
        return number

    @property
    def nats(self) -> float:
        """The information content of all symbols, under the probabilities as they were given."""
        given = np.concatenate([np.ones(1), *self._probabilities])
        return -float(np.log(np.maximum(given, np.finfo(np.float64).tiny)).sum())

    def content(self) -> bytes:
        """What was written."""
        words: bytes = self._encoder.get_compressed().astype("<u4").tobytes()
        return words


class SymbolReader(SymbolStream):
    """Reads the symbols that a ``SymbolWriter`` wrote. Raises almost any exception for another content."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        words = np.frombuffer(content, "<u4").astype(np.uint32)
        self._decoder = load_constriction().stream.queue.RangeDecoder(words)

    def code(
        self, symbols: Int32[np.ndarray, " n"] | None, probabilities: Float64[np.ndarray, "n symbols"]
    ) -> Int32[np.ndarray, " n"]:
        """Read symbols; those given are ignored."""
        found: Int32[np.ndarray, " n"] = self._decoder.decode(self._categorical, probabilities)
        return found

    def code_uniform(self, number: int, count: int) -> int:
        """Read a number; the one given is ignored."""
        return int(self._decoder.decode(self._uniform(count), 1)[0])
