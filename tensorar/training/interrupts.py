"""Turn Ctrl-C and SIGTERM into a stop request, honored after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """The number of the signal that requested a stop, if any."""

    signal: int | None = None

    def request(self, number: int, frame: FrameType | None) -> None:
        """Record the request; a second signal of the same kind has its usual effect."""
        self.signal = number
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)


@contextmanager
def catch_interrupts() -> Iterator[StopRequest]:
    """Turn Ctrl-C and SIGTERM into a stop request, in the main thread (others receive no signals)."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
