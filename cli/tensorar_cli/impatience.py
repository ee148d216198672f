"""The end of a process whose main thread does not come to its signal handlers: in a step of minutes, for example.

Python runs handlers between two of its own instructions, and a step may be one call into torch. Another thread reads
the numbers of the signals as they arrive. At a second signal it ends the process; two seconds after the first one it
saves a training that is still in its step, and ends the process too.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

GRACE = 2.0
# the signals that end a process; Windows has no SIGHUP
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def impatient_exit() -> Iterator[None]:
    """Watch for signals in another thread; only in the main thread."""
    arriving, arrived = socket.socketpair()
    arrived.setblocking(False)
    before = signal.set_wakeup_fd(arrived.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(arriving,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        arrived.close()
        watcher.join()
        arriving.close()


def _watch(arriving: socket.socket) -> None:
    if first := _next_signal(arriving, None):
        second = _next_signal(arriving, GRACE)
        if second is None:
            _save_and_end(first)
            # a training that ended its step, or no training: it ends by itself, or at the next signal
            second = _next_signal(arriving, None)
        if second:
            _end(second, "error: ended by a second signal; files that were complete are kept")


def _next_signal(arriving: socket.socket, timeout: float | None) -> int | None:
    """The number of the next signal that ends a process; None after ``timeout`` seconds, 0 when the command ends."""
    while select.select([arriving], [], [], timeout)[0]:
        received = arriving.recv(1)
        if not received:
            return 0
        if received[0] in ENDING:
            return received[0]
    return None


def _save_and_end(number: int) -> None:
    interrupts = sys.modules.get("tensorar.training.interrupts")
    folder = None if interrupts is None else interrupts.save_before_exit()
    if folder is not None:
        _end(number, f"interrupted in a step and saved; resume with: tensorar train --resume {quote(str(folder))}")


def _end(number: int, message: str) -> None:
    # the main thread may hold the locks of sys.stderr
    os.write(2, f"{message}\n".encode())
    os._exit(128 + number)
