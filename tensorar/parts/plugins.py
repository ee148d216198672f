"""Load plugins: installed ones by entry point, single files by path. A broken plugin does not affect the others."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from tensorar.errors import PluginError
from tensorar.parts import hookspecs


@dataclass(frozen=True)
class PluginSource:
    """The plugin that provides a part, and the distribution that installs it (or its file)."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.plugin} ({self.distribution} {self.version})".replace(" )", ")")


class Plugins:
    """The loaded plugins with their sources, and the errors of those that failed."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.sources: dict[str, PluginSource] = {}
        self.failures: dict[str, str] = {}

    def load_installed(self) -> None:
        """Load every plugin of the entry-point group ``tensorar``; those that fail are recorded in ``failures``."""
        for entry in sorted(entry_points(group=hookspecs.PROJECT), key=lambda e: (e.name != "builtin", e.name)):
            try:
                self.register(entry.load(), _source(entry))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plugin may call sys.exit
                self.failures[entry.name] = one_line(error)

    def load_file(self, path: str | Path) -> None:
        """Load a single-file plugin. Raises ``PluginError`` when the file is missing or cannot be loaded."""
        path = Path(path)
        if not path.is_file():
            raise PluginError(expected="a Python file", got=str(path), remedy="pass the path of a plugin's .py file")
        file = str(path.resolve())
        known = self.sources.get(path.stem)
        if known is not None and known.distribution == file:
            return
        if known is not None:
            raise PluginError(
                expected=f"one plugin named {path.stem!r}", got=f"two, {known} and {file}", remedy="rename the file"
            )
        try:
            self.register(import_file(path), PluginSource(path.stem, file, ""))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(
                expected=f"{path} to be an importable plugin", got=one_line(error), remedy="fix the file"
            ) from error

    def register(self, plugin: object, source: PluginSource) -> None:
        """Add a plugin: a module or another object with hooks. If this fails, the plugin is removed again."""
        try:
            self.manager.register(plugin, name=source.plugin)
            self.manager.check_pending()
            if not self.manager.get_hookcallers(plugin):
                raise ValueError("it has no hooks: decorate a function such as tensorar_heads with tensorar.hookimpl")
        except BaseException:
            if self.manager.is_registered(plugin):
                self.manager.unregister(plugin)
            raise
        self.sources[source.plugin] = source

    def call(self, hook: str) -> list[tuple[PluginSource, object]]:
        """The items that plugins return for a hook, with their sources; failing plugins go to ``failures``."""
        found: list[tuple[PluginSource, object]] = []
        # implementations are in order of registration, with the built-in plugin first
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            try:
                found += [(self.sources[name], item) for item in implementation.function()]
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.failures[name] = f"{hook}: {one_line(error)}"
        return found


def one_line(error: BaseException) -> str:
    """An error in one line, without the C++ stack that torch adds to some messages."""
    text = " ".join(str(error).partition("Exception raised from ")[0].split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _source(entry: EntryPoint) -> PluginSource:
    distribution = entry.dist
    if distribution is None:
        return PluginSource(entry.name, entry.value, "")
    return PluginSource(entry.name, distribution.name, distribution.version)


class _LeavesNoFile(SourceFileLoader):
    """Loads a file of the user without writing a ``__pycache__`` beside it."""

    def set_data(self, path: object, data: object, *, _mode: int = 0o666) -> None:
        """Keep the compiled file in memory only."""


def import_file(path: Path) -> ModuleType:
    """The module of a single-file plugin, which is imported anew. Raises what its code raises."""
    name = f"tensorar_file_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    spec.loader = _LeavesNoFile(name, str(path))
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up their module while they are created
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
