"""Range coding of symbols with given probabilities, by constriction: one interface for writing and for reading."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from types import ModuleType

import numpy as np
from jaxtyping import Float64, Int, Int32, Int64

from tensorar.errors import TensorarError

WORD_BYTES = 4
# raw bits are coded so many at once
BITS_AT_ONCE = 16
# tables are written once they have so many entries together (2 MB)
ENTRIES_AT_ONCE = 2**18


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
        self, symbols: Int64[np.ndarray, " n"] | None, probabilities: Float64[np.ndarray, "n symbols"]
    ) -> Int[np.ndarray, " n"]:
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
    """Writes symbols, those of several calls at once: that takes a small part of the time.

    ``nats`` is the information content of all that was written, under the probabilities as they were given.
    """

    def __init__(self) -> None:
        super().__init__()
        self._encoder = load_constriction().stream.queue.RangeEncoder()
        self._symbols: list[Int64[np.ndarray, " _"]] = []
        self._tables: list[Float64[np.ndarray, "_ symbols"]] = []
        self._entries, self.nats = 0, 0.0

    def code(
        self, symbols: Int64[np.ndarray, " n"] | None, probabilities: Float64[np.ndarray, "n symbols"]
    ) -> Int[np.ndarray, " n"]:
        """Write symbols; returns them. Raises ``ValueError``, now or later, for probabilities that are not finite."""
        assert symbols is not None
        if self._entries > ENTRIES_AT_ONCE or (self._tables and self._tables[0].shape[1] != probabilities.shape[1]):
            self._write()
        self._symbols.append(symbols)
        self._tables.append(probabilities)
        self._entries += probabilities.size
        return symbols

    def code_uniform(self, number: int, count: int) -> int:
        """Write a number; returns it."""
        self._write()
        self._encoder.encode(np.array([number], np.int32), self._uniform(count))
        self.nats += math.log(count)
        return number

    def content(self) -> bytes:
        """What was written. Raises ``ValueError`` for probabilities that are not finite."""
        self._write()
        words: bytes = self._encoder.get_compressed().astype("<u4").tobytes()
        return words

    def _write(self) -> None:
        if not self._tables:
            return
        symbols, table = np.concatenate(self._symbols).astype(np.int32), np.concatenate(self._tables)
        self._encoder.encode(symbols, self._categorical, table)
        given = table[np.arange(len(table)), symbols] / table.sum(1)
        self.nats -= float(np.log(np.maximum(given, np.finfo(np.float64).tiny)).sum())
        self._symbols, self._tables, self._entries = [], [], 0


class SymbolReader(SymbolStream):
    """Reads the symbols that a ``SymbolWriter`` wrote, as they are asked for. Another content may raise anything."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        words = np.frombuffer(content, "<u4").astype(np.uint32)
        self._decoder = load_constriction().stream.queue.RangeDecoder(words)

    def code(
        self, symbols: Int64[np.ndarray, " n"] | None, probabilities: Float64[np.ndarray, "n symbols"]
    ) -> Int[np.ndarray, " n"]:
        """Read symbols; those given are ignored."""
        found: Int32[np.ndarray, " n"] = self._decoder.decode(self._categorical, probabilities)
        return found

    def code_uniform(self, number: int, count: int) -> int:
        """Read a number; the one given is ignored."""
        return int(self._decoder.decode(self._uniform(count), 1)[0])
