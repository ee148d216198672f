"""Turn Ctrl-C, SIGTERM and SIGHUP into a stop request, honored after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

# SIGHUP is sent when a terminal closes; other systems than POSIX do not have it
STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


# what saves the trainings of this process, from another thread than theirs
_saves: list[Callable[[], Path | None]] = []


@contextmanager
def saved_before_exit(save: Callable[[], Path | None]) -> Iterator[None]:
    """Have ``save_before_exit`` call ``save`` meanwhile."""
    _saves.append(save)
    try:
        yield
    finally:
        _saves.remove(save)


def save_before_exit() -> Path | None:
    """Save the training of this process as it was after its last step, and return its folder; None if none is running.

    For a face that ends its process before the step ends, called in another thread than that of the training, which
    does not go on afterwards.
    """
    return next((folder for save in [*_saves] if (folder := save()) is not None), None)


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
