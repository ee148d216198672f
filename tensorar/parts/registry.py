"""The registry: every part of every loaded plugin, by kind and name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tensorar.errors import PluginError, SpecError, TensorarError
from tensorar.parts.part import Part, coerce
from tensorar.parts.plugins import Plugins, PluginSource, one_line
from tensorar.parts.spec import PartSpec, nearest

Kind = Literal["ordering", "head", "backbone", "dataset", "recipe"]
KINDS: tuple[Kind, ...] = ("ordering", "head", "backbone", "dataset", "recipe")


@dataclass(frozen=True)
class RegisteredPart:
    """A part's class (or a recipe) and the plugin that brought it."""

    part: Any
    owner: PluginSource

    @property
    def description(self) -> str:
        """What it is, in one line."""
        text = self.part.description
        return str(text() if callable(text) else text)


class Registry:
    """Parts by kind and name, from a set of plugins."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def parts(self, kind: Kind) -> dict[str, RegisteredPart]:
        """All parts of a kind by name, the built-in ones first.

        Raises ``PluginError`` when two plugins bring parts of one name.
        """
        found: dict[str, RegisteredPart] = {}
        for owner, part in self.plugins.call(f"tensorar_{kind}s"):
            name = getattr(part, "name", None)
            if not isinstance(name, str):
                self.plugins.failures[owner.plugin] = f"the {kind} {part!r} has no name"
            elif name in found:
                raise PluginError(
                    expected=f"one {kind} named {name!r}",
                    got=f"two, from {found[name].owner} and {owner}",
                    remedy="rename one, or uninstall one of the plugins",
                )
            else:
                found[name] = RegisteredPart(part, owner)
        return found

    def find(self, kind: Kind, name: str) -> RegisteredPart:
        """The part of that kind and name. Raises ``SpecError`` with the valid names and the nearest one."""
        parts = self.parts(kind)
        if name not in parts:
            failed = "; ".join(f"plugin {p} failed: {why}" for p, why in self.plugins.failures.items())
            raise SpecError(
                expected=f"the name of a known {kind}",
                got=repr(name),
                remedy=nearest(name, parts) + (f" ({failed})" if failed else ""),
            )
        return parts[name]

    def create(self, kind: Kind, spec: str | PartSpec, *arguments: Any) -> Any:
        """Make the part that a spec describes; ``arguments`` are what its constructor takes before the options.

        Raises ``SpecError`` for an unknown name, option, or a value that the part does not take.
        """
        spec = PartSpec.parse(spec)
        part = self.find(kind, spec.name).part
        options = typed_options(part, spec)
        missing = [
            name
            for name, p in part.option_parameters().items()
            if p.default is inspect.Parameter.empty and name not in options
        ]
        if missing:
            raise SpecError(
                expected=f"{kind} {spec.name} with its option {missing[0]}",
                got=repr(str(spec)),
                remedy=f"write {spec.name}:{missing[0]}=...",
            )
        try:
            return part(*arguments, **options)
        except TensorarError:
            raise
        except (ValueError, RuntimeError, ArithmeticError) as error:
            # what a part leaves to torch to check, such as a negative width
            raise SpecError(
                expected=f"{kind} {spec.name} with options it can be made with",
                got=repr(str(spec)),
                remedy=f"it says: {one_line(error)}",
            ) from error

    def load_file(self, path: str | Path) -> None:
        """Add the parts of a single-file plugin."""
        self.plugins.load_file(path)


def typed_options(part: type[Part], spec: PartSpec) -> dict[str, Any]:
    """The options of a spec as the part's constructor takes them. Raises ``SpecError``."""
    parameters, free = part.option_parameters(), part.free_option_type()
    unknown = [key for key in spec.options if key not in parameters]
    if unknown and free is None:
        raise SpecError(
            expected=f"an option of {spec.name}", got=repr(unknown[0]), remedy=nearest(unknown[0], parameters)
        )
    return {
        key: coerce(value, parameters[key].annotation if key in parameters else free, where=f"{spec.name}'s {key}")
        for key, value in spec.options.items()
    }


@cache
def default_registry() -> Registry:
    """The registry of everything installed, made once."""
    plugins = Plugins()
    plugins.load_installed()
    return Registry(plugins)
