"""Call a function in another process, which has another hash seed, and lists folders in another order.

Whatever depends on the hashes of strings, on the order of a set or of a folder, or on what this process computed before
gives other results there.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tensorar.testing.results import CheckFailed, CheckSkipped

T = TypeVar("T")
WORKER = Path(__file__).with_name("worker.py")


def in_another_process(function: Callable[..., T], *args: Any) -> T:
    """The result of a function of a module, called in another process.

    Raises ``CheckSkipped`` if the other process cannot import the function or an argument, such as a class that is
    defined in a function or a notebook; ``CheckFailed`` if the function raises, with its error in words.
    """
    try:
        request = pickle.dumps((function, args))
    except Exception as error:
        raise CheckSkipped(f"another process cannot get the part: {' '.join(str(error).split())}") from error
    modules = {module: _file(module) for module in _modules((function, *args))}
    status, result = _worker().ask((modules, request))
    if status == "skipped":
        raise CheckSkipped(f"another process cannot import the part: {result}")
    if status == "failed":
        raise CheckFailed(f"in another process {result}")
    return result  # type: ignore[no-any-return]


class _Worker:
    """The other process. It serves requests until this process ends, each in a child of its own where it can fork."""

    def __init__(self) -> None:
        seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
        environment, pipe = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}, subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, str(WORKER)], stdin=pipe, stdout=pipe, env=environment)
        atexit.register(self._close)
        self.ask(sys.path)

    def ask(self, request: Any) -> Any:
        """Send a request, and wait for the answer. Raises ``CheckSkipped`` if the other process does not run."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)
        except (OSError, EOFError) as error:
            raise CheckSkipped("another process with tensorar.testing does not run here") from error

    def _close(self) -> None:
        self._process.communicate()


@cache
def _worker() -> _Worker:
    return _Worker()


def _modules(values: tuple[Any, ...]) -> set[str]:
    """The modules of classes and functions, and of the bases of classes."""
    classes = [base for value in values for base in getattr(value, "__mro__", (value,))]
    return {module for value in classes if isinstance(module := getattr(value, "__module__", None), str)}


def _file(module: str) -> str | None:
    """The file of a single-file plugin, which another process finds by its path alone."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return file if module.startswith("tensorar_file_plugin_") else None
