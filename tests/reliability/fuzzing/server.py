"""A process with everything imported that forks a copy of itself for each command line.

A command then starts in milliseconds instead of seconds, in a process of its own: with its own signals, files, limits
and exit code. Requests and replies are lines of JSON on standard input and output.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
import traceback

IMPORTED = ("torch", "accelerate", "hypothesis", "matplotlib.pyplot", "safetensors.torch", "tensorar_cli.app")
IMPORTED += ("tensorar.workflows", "tensorar.plotting", "tensorar.testing", "tensorar.training.train")
# what they import late: it would take most of the time of a command
IMPORTED += (
    "torch._dynamo",
    "typer._adapters",
    "numpy.random",
    "matplotlib.backends.backend_agg",
    "PIL.PngImagePlugin",
)
IMPORTED += ("torch.optim.swa_utils", "accelerate.utils", "einops", "rich.progress", "requests", "pooch")


def serve() -> None:
    """Start a command per line of standard input, and report the end of each on standard output."""
    replies, requests = os.dup(1), os.dup(0)
    for name in IMPORTED:
        importlib.import_module(name)
    importlib.import_module("tensorar").default_registry()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    _write(replies, {"ready": os.getpid()})
    buffer = b""
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(replies)
        if requests in ready:
            chunk = os.read(requests, 1 << 20)
            if not chunk:
                return
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                _write(replies, {"started": _fork(json.loads(line))})


def _write(descriptor: int, values: dict) -> None:
    os.write(descriptor, json.dumps(values).encode() + b"\n")


def _report_ended(replies: int) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            pid, status, usage = ended
            code = os.waitstatus_to_exitcode(status)
            cpu = usage.ru_utime + usage.ru_stime
            _write(replies, {"ended": pid, "code": code, "cpu": cpu, "peak": usage.ru_maxrss * 1024})


def _fork(request: dict) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        _prepare(request)
        exec(request["prelude"], {})
        code = _run(request["arguments"])
    finally:
        # no cleanup of the server's own
        os._exit(code)


def _prepare(request: dict) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setpgid(0, 0)
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    for name in ("stdin", "stdout", "stderr"):
        flags = os.O_RDONLY if name == "stdin" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(request[name], flags)
        os.dup2(descriptor, ("stdin", "stdout", "stderr").index(name))
        os.close(descriptor)
    _change_output(request["output"])
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    for name, limit in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    os.closerange(3, 256)


def _change_output(kind: str) -> None:
    """Standard output as it may be: closed, a pipe that nobody reads, a full disk, or of few characters."""
    if kind == "closed":
        os.close(1)
        sys.stdout = None
        return
    if kind == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    if kind == "pipe":
        unread, end = os.pipe()
        os.dup2(end, 1)
        os.close(unread)
    sys.stdout = open(1, "w", encoding="ascii" if kind == "ascii" else "utf-8", closefd=False)  # noqa: SIM115


def _run(arguments: list[str]) -> int:
    """Run the command line as a new interpreter would; return its exit code."""
    sys.argv = ["tensorar", *arguments]
    code = 1
    try:
        importlib.import_module("tensorar_cli.__main__").main()
        code = 0
    except SystemExit as end:
        code = 0 if end.code is None else end.code if isinstance(end.code, int) else 1
        if code == 1 and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)  # noqa: T201
    except BaseException:
        traceback.print_exc()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    return code & 0xFF


if __name__ == "__main__":
    serve()
