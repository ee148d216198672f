"""The server: on this machine only, under a token that nobody can guess."""

from __future__ import annotations

import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tensorar.errors import TensorarError
from tensorar.workflows.explore import Shelf
from tensorar_web.application import Application

ADDRESS = "127.0.0.1"
MAX_CONNECTIONS = 64


class PageServer:
    """The server of a shelf's page at ``url``; it listens as soon as it is made. Port 0 is a free one.

    Raises ``TensorarError`` for a port that is taken.
    """

    def __init__(self, shelf: Shelf, port: int = 0) -> None:
        self._listening = _bound(port)
        chosen, token = self._listening.getsockname()[1], secrets.token_urlsafe(16)
        config = uvicorn.Config(
            Application(shelf).guarded(token, chosen),
            access_log=False,
            log_level="error",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=1,
            lifespan="off",
            ws="none",
            server_header=False,
        )
        self._server, self.url = _Server(config), f"http://{ADDRESS}:{chosen}/{token}/"

    def run(self) -> None:
        """Serve until a signal ends the process, or ``stop`` is called from another thread."""
        with self._listening:
            self._server.run(sockets=[self._listening])

    def stop(self) -> None:
        """End ``run``."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal, and be done: uvicorn would raise it once more, which the caller takes for a second one."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise TensorarError(
            expected=f"a free `port`, not {port}", got=error.strerror or str(error), remedy="use another one, or 0"
        ) from error
    return listening
