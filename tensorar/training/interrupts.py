"""Ctrl-C and SIGTERM as a wish to stop at the next step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Wish:
    """Whether a signal has asked to stop, and which."""

    signal: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note the wish; the same signal again does what it always does."""
        self.signal = number
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)


@contextmanager
def stop_wishes() -> Iterator[Wish]:
    """Turn interrupts into a wish while inside. Signals can be had in the main thread only; elsewhere none is noted."""
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = {number: signal.signal(number, wish.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
