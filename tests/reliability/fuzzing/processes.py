"""Command lines in processes of their own, with limits of memory and time: what they printed, used and left."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SERVER = Path(__file__).with_name("server.py")
GIGABYTE = 1024**3
# address space, not memory: an interpreter with torch takes about 3 GB of it
LIMITS = {"RLIMIT_AS": 5 * GIGABYTE, "RLIMIT_FSIZE": GIGABYTE, "RLIMIT_CORE": 0}
DROPPED = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TENSORAR_DATA", "TENSORAR_TRACEBACK", "RANK", "WORLD_SIZE", "TERM")
DROPPED += ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "LOCAL_RANK")


@dataclass
class Outcome:
    """The end of a command: ``stopped`` says by which signal of ours, ``seconds`` are CPU time."""

    arguments: list[str]
    code: int
    out: str
    err: str
    seconds: float
    peak: int
    stopped: int | None = None
    changes: dict[str, list[str]] = field(default_factory=dict)


def environment(**changed: str) -> dict[str, str]:
    """The environment of commands: one thread, no network, no settings of the tests."""
    kept = {key: value for key, value in os.environ.items() if key not in DROPPED}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    # matplotlib would write its cache to the home folder of each trial
    cache = str(Path(tempfile.gettempdir()) / "reliability-matplotlib")
    return (
        kept | proxies | {"MPLCONFIGDIR": cache, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "TERM": "dumb"} | changed
    )


class Child:
    """A running command."""

    def __init__(self, server: Server, pid: int, arguments: list[str], files: tuple[Path, Path]) -> None:
        self.server, self.pid, self.arguments, self.files = server, pid, arguments, files

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        self.server.receive(0)
        return self.pid not in self.server.ended

    def send(self, number: int) -> None:
        """Send a signal to it, if it still runs."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def seconds(self) -> float:
        """CPU time so far; 0 if it has ended."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, IndexError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ended(self, seconds: float, clock: float) -> bool:
        """Wait for its end, for so many seconds of its CPU time and of the clock."""
        until, limit = time.monotonic() + clock, self.seconds + seconds
        while self.running:
            self.server.receive(0.2)
            if time.monotonic() > until or self.seconds > limit:
                return not self.running
        return True

    def wait(self, seconds: float = 20, clock: float = 120, *, stop: int = signal.SIGTERM) -> Outcome:
        """Wait for its end; after so much CPU time or clock time stop it by a signal, and then kill it."""
        stopped = None
        for number in (stop, signal.SIGKILL):
            if self.ended(seconds, clock):
                break
            stopped = number
            self.send(number)
        while self.running:
            self.server.receive(1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        found = self.server.ended.pop(self.pid)
        out, err = (file.read_bytes().decode("utf-8", "backslashreplace") for file in self.files)
        return Outcome(self.arguments, found["code"], out, err, found["cpu"], found["peak"], stopped)


class Server:
    """Starts commands (see ``server.py``); used as a context."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reliability-")
        self._buffer = b""
        self._count = 0
        self.ended: dict[int, dict] = {}

    def __enter__(self) -> Server:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen([sys.executable, SERVER], env=environment(), cwd="/", **pipes)
        self.base = self._reply("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def start(
        self, arguments: Sequence[str], folder: Path, *, prelude: str = "", output: str = "file", **changed: str
    ) -> Child:
        """Start a command in a folder, after the code ``prelude``; ``changed`` are variables of its environment.

        ``output`` is the kind of its standard output: file, closed, pipe, full or ascii.
        """
        self._count += 1
        files = [str(Path(self._folder.name) / f"{self._count % 64}.{name}") for name in ("out", "err")]
        request = {"arguments": [*map(str, arguments)], "folder": str(folder), "environment": changed}
        request |= {
            "prelude": prelude,
            "output": output,
            "stdin": "/dev/null",
            "stdout": files[0],
            "stderr": files[1],
            "limits": LIMITS,
        }
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return Child(self, self._reply("started"), request["arguments"], (Path(files[0]), Path(files[1])))

    def run(self, arguments: Sequence[str], folder: Path, *, prelude: str = "", **changed: str) -> Outcome:
        """Run a command to its end."""
        return self.start(arguments, folder, prelude=prelude, **changed).wait()

    def receive(self, timeout: float) -> dict | None:
        """The next reply, if there is one in time; ends of commands are kept in ``ended``."""
        while b"\n" not in self._buffer:
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                return None
            chunk = os.read(self._process.stdout.fileno(), 1 << 16)
            if not chunk:
                raise RuntimeError("the server of processes has ended")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply = json.loads(line)
        if "ended" in reply:
            self.ended[reply["ended"]] = reply
        return reply

    def _reply(self, name: str) -> int:
        while (reply := self.receive(120)) is None or name not in reply:
            if reply is None:
                raise RuntimeError(f"the server of processes sent no {name}")
        return int(reply[name])


def real_process(arguments: Sequence[str], folder: Path, *, out: object = subprocess.PIPE, **changed: str) -> Outcome:
    """Run a command in a new interpreter, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-m", "tensorar_cli", *map(str, arguments)]
    settings: Mapping = {"cwd": folder, "env": environment(**changed), "stderr": subprocess.PIPE, "timeout": 300}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, **settings)
    text = [(stream or b"").decode("utf-8", "backslashreplace") for stream in (done.stdout, done.stderr)]
    return Outcome([*map(str, arguments)], done.returncode, *text, 0.0, 0)
