"""Another Python process, with other hashes of texts and nothing made before, that computes the same cases.

One process serves all checks, since starting it takes seconds. It is started when it is first needed and ends with this
one.
"""

from __future__ import annotations

import atexit
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, TypeVar

from tensorar.testing.random_state import preserved_random_state
from tensorar.testing.results import CheckSkipped

T = TypeVar("T")
STARTED = "import sys; sys.path[:] = {path!r}; from tensorar.testing.other_process import serve; serve()"


def in_another_process(function: Callable[..., T], part: type, *arguments: Any) -> T:
    """The result of a function of a module in the other process.

    Raises ``CheckSkipped`` for a part that another process cannot import, and what the function raises.
    """
    if "<locals>" in part.__qualname__ or part.__module__ == "__main__":
        raise CheckSkipped("another process cannot import a part that is defined in a function or a script")
    try:
        call = pickle.dumps((function, arguments))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise CheckSkipped(f"the options cannot be sent to another process ({error})") from error
    failed, result = _ask((part.__module__, inspect.getsourcefile(part), call))
    if failed:
        raise CheckSkipped(f"another process cannot compute it: {result}")
    returned: T = result
    return returned


def _ask(request: tuple[str, str | None, bytes]) -> tuple[bool, Any]:
    process = _process()
    assert process.stdin and process.stdout
    try:
        pickle.dump(request, process.stdin)
        process.stdin.flush()
        answer: tuple[bool, Any] = pickle.load(process.stdout)
    except (EOFError, OSError):
        _process.cache_clear()
        return True, "it ended"
    return answer


def serve() -> None:
    """Compute what arrives on standard input, until it ends. What is printed goes to standard error."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            module, file, call = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            _import(module, file)
            function, arguments = pickle.loads(call)
            with preserved_random_state():
                answer = (False, function(*arguments))
        except Exception as error:
            answer = (True, f"{type(error).__name__}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


@cache
def _process() -> subprocess.Popen[bytes]:
    # hashes of texts are random in each process, or follow this seed
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONHASHSEED": seed},
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    process.wait()


def _import(name: str, file: str | None) -> None:
    """Import a module by its name, or from its file if it has been loaded from there."""
    try:
        import_module(name)
    except ImportError:
        if file is None:
            raise
        spec = spec_from_file_location(name, file)
        assert spec and spec.loader
        sys.modules[name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
