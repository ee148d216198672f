"""SIGTERM and SIGHUP end a command as Ctrl-C does, with what it was doing undone, and with their own exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tensorar_cli.impatience import ENDING, impatient_exit


class Received:
    """The number of the signal that ended the command; Ctrl-C unless another one was received."""

    number: int = signal.SIGINT

    @property
    def name(self) -> str:
        """The signal as users know it."""
        return "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise ``KeyboardInterrupt``, which no part catches; a second signal of the same kind ends the process."""
        self.number = number
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt


# like tensorar.training.interrupts, but importing tensorar takes seconds, in which a signal may come
@contextmanager
def ending_signals() -> Iterator[Received]:
    """Raise ``KeyboardInterrupt`` for the signals that end a process, unless they are ignored (as by nohup)."""
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    # for Ctrl-C, Python has a handler of its own
    caught = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
    try:
        for number in caught:
            signal.signal(number, received.interrupt)
        with impatient_exit():
            yield received
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)
