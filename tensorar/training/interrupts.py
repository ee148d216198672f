"""Turn Ctrl-C, SIGTERM and SIGHUP into a stop request, honored after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGHUP is sent when a terminal closes; other systems than POSIX do not have it
STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class StopRequest:
    """The number of the signal that requested a stop, if any."""

    signal: int | None = None

    def request(self, number: int, frame: FrameType | None) -> None:
        """Record the request; a second signal of the same kind has its usual effect."""
        self.signal = number
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@contextmanager
def catch_interrupts() -> Iterator[StopRequest]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a stop request, in the main thread (others receive no signals).

    SIGHUP stays ignored under ``nohup``.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in STOPS}
    caught = [number for number, handler in before.items() if number == signal.SIGINT or handler != signal.SIG_IGN]
    try:
        for number in caught:
            signal.signal(number, request.request)
        yield request
    finally:
        for number in caught:
            signal.signal(number, before[number])
