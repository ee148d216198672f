"""The one thread in which models compute: a bounded queue of jobs, which end early when their asker is gone."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
# called by a job now and then: raises ``Gone`` when nobody waits for the answer any more
Check = Callable[[], None]
MAX_WAITING = 16


class Gone(Exception):  # noqa: N818 (it is no error)
    """The page that asked is gone."""


class Busy(Exception):  # noqa: N818 (it is no error)
    """Too many jobs wait already."""


class ModelThread:
    """Runs jobs one after another, in the order in which they come."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(MAX_WAITING)
        # as a daemon, it does not keep the program from ending
        threading.Thread(target=self._work, name="model", daemon=True).start()

    def submit(self, job: Callable[[Check], T], gone: threading.Event) -> asyncio.Future[T]:
        """The answer of a job, or its error; ``Gone`` once the event is set. Raises ``Busy``."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def check() -> None:
            if gone.is_set():
                raise Gone

        def run() -> None:
            try:
                check()
                settle: Callable[[], Any] = _settling(future, job(check), None)
            except Exception as error:
                settle = _settling(future, None, error)
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(settle)

        try:
            self._jobs.put_nowait(run)
        except queue.Full as error:
            raise Busy from error
        return future

    def _work(self) -> None:
        while True:
            self._jobs.get()()


def _settling(future: asyncio.Future[Any], answer: Any, error: Exception | None) -> Callable[[], None]:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    return settle
