"""Errors that are no ``TensorarError``: of the operating system, for lack of memory, of plugins, and internal ones."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path


def describe_failure(error: BaseException) -> str:
    """An error in one line: what was expected, what came instead, and a remedy."""
    for describe in (_memory, _file, _plugin, _text, _nesting):
        if line := describe(error):
            return line
    return f"internal error, {_one_line(error)}; set TENSORAR_TRACEBACK=1 for a traceback, and report it"


def _memory(error: BaseException) -> str | None:
    from tensorar.utils.allocation import memory_error

    found = memory_error(error)
    return None if found is None else str(found)


def _plugin(error: BaseException) -> str | None:
    """An error that was raised in the code of a plugin, or that ends the program as only a plugin can."""
    place = plugin_frame(error)
    if place is not None:
        return (
            f"expected the plugin {place} to work, got {_one_line(error)}; fix the plugin, or report it to its author"
        )
    if isinstance(error, Exception):
        return None
    return f"expected a result, got {_one_line(error)}, raised by a part; use other parts, or fix the plugin"


def _text(error: BaseException) -> str | None:
    if isinstance(error, UnicodeError):
        return f"expected text in UTF-8, got {_one_line(error)}; rename the file, or save it as UTF-8"
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return "expected paths without null characters, got one; correct the path"
    return None


def _file(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    what = f"to use {error.filename}" if error.filename else "to read and write files"
    reason = error.strerror or _one_line(error)
    return f"expected {what}, got {reason}; check the path, its permissions and the free disk space"


def _nesting(error: BaseException) -> str | None:
    if isinstance(error, RecursionError):
        return "expected fewer levels of nesting, got too many for Python; use a simpler value, or fewer levels"
    return None


def plugin_frame(error: BaseException) -> str | None:
    """The plugin, file and line of the innermost frame of an error in a plugin that is not built in."""
    registry = sys.modules.get("tensorar.parts.registry")
    if registry is None:
        return None
    plugins = registry.default_registry().plugins
    owners = {name: _owned(plugins.manager.get_plugin(name), source) for name, source in plugins.sources.items()}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        for name, owned in owners.items():
            if name != "builtin" and owned(Path(frame.filename)):
                return f"{name} ({frame.filename}, line {frame.lineno})"
    return None


def _owned(plugin: object, source: object) -> Callable[[Path], bool]:
    """Whether a file belongs to a plugin: the module itself, or everything in its package."""
    file = getattr(plugin, "__file__", None)
    home = Path(file or str(getattr(source, "distribution", "")))
    if home.name == "__init__.py":
        return lambda path: path.is_relative_to(home.parent)
    return lambda path: path == home


def _one_line(error: BaseException) -> str:
    from tensorar.parts.plugins import one_line

    return one_line(error)
