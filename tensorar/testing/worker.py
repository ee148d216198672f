"""The program of the other process of ``another_process``: requests on standard input, answers on standard output."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer requests until standard input is closed."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # what a part prints must not be read as an answer
    os.dup2(2, 1)
    sys.path[:] = pickle.load(requests)
    warnings.simplefilter("ignore")
    # before the first child, so that none has to import them
    import tensorar.testing  # noqa: F401

    gc.freeze()  # half a million objects of torch need not be looked through, here or in the children
    _reverse_listings()
    _send(answers, None)
    while True:
        try:
            modules, request = pickle.load(requests)
        except EOFError:
            return
        _import(modules)
        _send(answers, _in_a_child(modules, request))


def _send(answers: Any, answer: Any) -> None:
    pickle.dump(answer, answers)
    answers.flush()


def _import(modules: dict[str, str | None]) -> None:
    """Import the modules that are not files of plugins, as the process that asks has: no child has to do it again."""
    for module, file in modules.items():
        if file is None:
            # what cannot be imported is found, and reported, by the child
            with contextlib.suppress(BaseException):
                importlib.import_module(module)


def _in_a_child(modules: dict[str, str | None], request: bytes) -> Any:
    """The answer, computed in a process of its own: one part's caches must not serve another one's request."""
    if sys.platform != "linux":  # elsewhere, forking a process with threads may crash it
        return _answer(modules, request)
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        with os.fdopen(send, "wb") as file:
            pickle.dump(_answer(modules, request), file)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    return (
        pickle.loads(answer)
        if answer
        else ("failed", f"the program ends with status {os.waitstatus_to_exitcode(status)}")
    )


def _answer(modules: dict[str, str | None], request: bytes) -> tuple[str, Any]:
    from tensorar.parts.plugins import import_file
    from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error

    try:
        for module, file in modules.items():
            if file is not None and module not in sys.modules:
                import_file(Path(file))
        function, args = pickle.loads(request)
    except Exception as error:
        return "skipped", describe_error(error)
    try:
        result = function(*args)
        pickle.dump(result, io.BytesIO())
    except (CheckFailed, CheckSkipped) as found:
        return "failed" if isinstance(found, CheckFailed) else "skipped", str(found)
    except BaseException as error:
        return "failed", describe_error(error)
    return "passed", result


def _reverse_listings() -> None:
    """Make this process list the entries of folders in descending order."""
    listdir, scandir = os.listdir, os.scandir

    class Descending:
        """The entries of a folder, as ``os.scandir`` gives them: an iterator and a context manager."""

        def __init__(self, path: Any = ".") -> None:
            with scandir(path) as entries:
                self._entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            return self._entries

        def __next__(self) -> os.DirEntry[str]:
            return next(self._entries)

        def __enter__(self) -> Descending:
            return self

        def __exit__(self, *_: object) -> None: ...

        def close(self) -> None: ...

    vars(os).update(listdir=lambda path=".": sorted(listdir(path), reverse=True), scandir=Descending)


if __name__ == "__main__":
    main()
