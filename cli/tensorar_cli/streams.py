"""Standard output and error in any encoding, closed or not: printing never stops a computation."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

# characters that commands print themselves, for encodings without them
PLAIN = {"±": "+-", "…": "..."}
MAX_WORD, MAX_LINE = 300, 1500
SPELLED = "tensorar.spelled"


def visible(text: str) -> str:
    r"""Text with everything that a terminal would not print, or interpret, written as an escape sequence.

    Control characters, line ends, directional formatting and lone surrogates reach a message from files, from names
    and from plugins.

    >>> visible("a\x1b[31mb\u202ec\n")
    'a\\x1b[31mb\\u202ec\\n'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def shortened(line: str) -> str:
    """A line without the middle of its long words, such as a long value of an option, and at most ``MAX_LINE`` long.

    >>> len(shortened("expected a number, got " + "x" * 5000 + "; use one"))
    332
    """
    return _ends(" ".join(_ends(word, MAX_WORD) for word in line.split(" ")), MAX_LINE)


def _ends(text: str, size: int) -> str:
    half = size // 2
    return text if len(text) <= size else f"{text[:half]}…{text[-half:]}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(PLAIN.get(c, _escaped(c)) for c in characters), error.end


codecs.register_error(SPELLED, _spell)


class LastingStream:
    """A text stream that accepts text after its reader has gone or its disk is full; ``error`` is the first failure."""

    def __init__(self, stream: TextIO | None) -> None:
        self.error: Exception | None = None
        self.replaced = stream is None
        if stream is None:
            # the descriptor was closed before the process started
            self.error = OSError("it is closed")
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        self.stream = stream
        with suppress(AttributeError, OSError, ValueError):
            cast("Any", stream).reconfigure(errors=SPELLED)

    def write(self, text: str) -> int:
        """Write text, or drop it after a failure."""
        self._attempt(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless it has failed."""
        self._attempt(self.stream.flush)

    def finish(self) -> None:
        """Flush the stream, and close it if it stands in for one that was closed."""
        self.flush()
        if self.replaced:
            self.stream.close()

    def _attempt(self, function: Callable[..., object], *arguments: str) -> None:
        if self.error is not None:
            return
        try:
            function(*arguments)
        except (OSError, ValueError) as error:  # ValueError: a plugin has closed it
            self.error = error
            # what is still buffered would fail again when Python ends
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # click would write to it instead, if the encoding is ASCII
            raise AttributeError(name)
        return getattr(self.stream, name)


@contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Replace standard output and error by ``LastingStream``; the context is that of the output."""
    _fill_descriptors()
    before = sys.stdout, sys.stderr
    out, err = (LastingStream(stream) for stream in before)
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    try:
        yield out
    finally:
        for stream in (out, err):
            stream.finish()
        sys.stdout, sys.stderr = before


def _fill_descriptors() -> None:
    """Open the closed ones of the three standard descriptors, which the next file to write would get."""
    with suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)
