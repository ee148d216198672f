"""The server: on this machine only, under a token that nobody can guess."""

from __future__ import annotations

import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from tensorar.errors import TensorarError
from tensorar.workflows.explore import Shelf
from tensorar_web.application import Application

ADDRESS = "127.0.0.1"
MAX_CONNECTIONS = 64


def serve(shelf: Shelf, port: int = 0, announce: Callable[[str], None] = lambda _: None) -> None:
    """Serve until the process is interrupted; ``announce(url)`` is called once connections are accepted.

    Port 0 is a free one. Raises ``TensorarError`` for a port that is taken.
    """
    with _bound(port) as listening:
        chosen, token = listening.getsockname()[1], secrets.token_urlsafe(16)
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
        listening.listen()
        announce(f"http://{ADDRESS}:{chosen}/{token}/")
        _Server(config).run(sockets=[listening])


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
    except OSError as error:
        listening.close()
        raise TensorarError(
            expected=f"a free `port`, not {port}", got=error.strerror or str(error), remedy="use another one, or 0"
        ) from error
    return listening
