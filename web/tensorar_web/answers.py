"""Answers as JSON: one object, lines as they come, or an error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tensorar.errors import TensorarError
from tensorar.utils.files import json_line
from tensorar_web.model_thread import Busy, Check, Gone, ModelThread

# of a client that closed its connection, in logs only: nobody reads it
CLOSED = 499
Tell = Callable[[dict[str, Any]], None]
# bytes
MAX_BODY = 8 * 2**20


class TooLarge(Exception):  # noqa: N818 (the client's, not ours)
    """The body of a request is longer than ``MAX_BODY``."""


def json_answer(values: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """One JSON object; what is not finite is null."""
    return Response(json_line(values), status, headers, "application/json")


def refusal(status: int, expected: str, got: str, remedy: str, **headers: str) -> Response:
    """An error: what was expected, what came, and what to do."""
    return json_answer({"error": {"expected": expected, "got": got, "remedy": remedy}}, status, **headers)


def failure(error: Exception) -> Response:
    """The answer to a request that failed."""
    if isinstance(error, TensorarError):
        return refusal(400, error.expected, error.got, error.remedy)
    if isinstance(error, TooLarge):
        return refusal(413, f"a body of at most {MAX_BODY} bytes", "a longer one", "send less")
    if isinstance(error, Busy):
        wait = "wait for the others"
        return refusal(503, "fewer questions at a time", "too many", wait, **{"retry-after": "2"})
    if isinstance(error, Gone):
        return Response(status_code=CLOSED)
    if isinstance(error, MemoryError):
        return refusal(500, "memory for the answer", "too little", "ask for fewer completions or particles")
    return refusal(500, "an answer", f"an internal error, {type(error).__name__}: {error}", "report it")


async def answer(request: Request, thread: ModelThread, job: Callable[[Check], dict[str, Any]]) -> Response:
    """The answer of a job in the model thread, which ends early if the page goes away."""
    gone = threading.Event()
    watcher = asyncio.create_task(_watch(request.receive, gone))
    try:
        return json_answer(await thread.submit(job, gone))
    except Exception as error:
        return failure(error)
    finally:
        watcher.cancel()


class Lines(Response):
    """An answer in lines, each a JSON object, sent as the job tells them; an error after the first is the last line."""

    def __init__(self, thread: ModelThread, job: Callable[[Check, Tell], dict[str, Any]]) -> None:
        super().__init__(media_type="application/x-ndjson")
        del self.headers["content-length"]
        self.thread, self.job = thread, job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the job, and send its lines."""
        gone, lines = threading.Event(), asyncio.Queue[dict[str, Any] | None]()
        loop = asyncio.get_running_loop()

        def tell(values: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(lines.put_nowait, values)

        try:
            future = self.thread.submit(lambda check: self.job(check, tell), gone)
        except Busy as error:
            await failure(error)(scope, receive, send)
            return
        # the lines that the job told come before: they were scheduled before
        future.add_done_callback(lambda _: lines.put_nowait(None))
        watcher = asyncio.create_task(_watch(receive, gone))
        try:
            await self._send(lines, future, scope, receive, send)
        finally:
            gone.set()
            future.cancel()
            watcher.cancel()

    async def _send(
        self,
        lines: asyncio.Queue[dict[str, Any] | None],
        future: asyncio.Future[dict[str, Any]],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        some, more = await _next_lines(lines)
        error = None if more else future.exception()
        if not some and isinstance(error, Exception):
            await failure(error)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while more:
            await send({"type": "http.response.body", "body": _joined(some), "more_body": True})
            some, more = await _next_lines(lines)
        last = future.exception()
        if last is None:
            some.append(future.result())
        elif isinstance(last, Exception):
            some.append({"error": _as_values(last)})
        await send({"type": "http.response.body", "body": _joined(some), "more_body": False})


async def _next_lines(lines: asyncio.Queue[dict[str, Any] | None]) -> tuple[list[dict[str, Any]], bool]:
    """The lines that are there, at least one, and whether more may come."""
    found = [await lines.get()]
    while not lines.empty():
        found.append(lines.get_nowait())
    return [line for line in found if line is not None], found[-1] is not None


def _joined(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json_line(line) + "\n" for line in lines).encode()


def _as_values(error: Exception) -> dict[str, str]:
    if isinstance(error, TensorarError):
        return {"expected": error.expected, "got": error.got, "remedy": error.remedy}
    return {"expected": "an answer", "got": f"{type(error).__name__}: {error}", "remedy": "report it"}


async def _watch(receive: Receive, gone: threading.Event) -> None:
    """Set the event when the client closes its connection."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            gone.set()
            return
