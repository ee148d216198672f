"""The registry: the parts of all loaded plugins, by kind and name."""

from __future__ import annotations

import inspect
import keyword
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tensorar.errors import PluginError, SpecError, TensorarError
from tensorar.parts.part import Kind, Part, argument_parameters, coerce, option_name, part_kind, parts_kind
from tensorar.parts.plugins import Plugins, PluginSource, one_line
from tensorar.parts.spec import PartSpec, nearest
from tensorar.utils.allocation import memory_error

# a spec may name a part as an option, whose spec may do so again
MAX_NESTED_PARTS = 50


@dataclass(frozen=True)
class RegisteredPart:
    """A part's class (or a recipe) and the plugin that provides it."""

    part: Any
    source: PluginSource

    @property
    def description(self) -> str:
        """A one-line description."""
        text = self.part.description
        return str(text() if callable(text) else text)


class Registry:
    """The parts of a set of plugins, by kind and name."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    def parts(self, kind: Kind) -> dict[str, RegisteredPart]:
        """All parts of a kind by name, the built-in ones first.

        Raises ``PluginError`` when two plugins provide parts of the same name.
        """
        found: dict[str, RegisteredPart] = {}
        for source, part in self.plugins.call(f"tensorar_{kind}s"):
            name = getattr(part, "name", None)
            if not isinstance(name, str):
                self.plugins.failures[source.plugin] = f"the {kind} {part!r} has no name"
            elif name in found:
                raise PluginError(
                    expected=f"one {kind} named {name!r}",
                    got=f"two, from {found[name].source} and {source}",
                    remedy="rename one, or uninstall one of the plugins",
                )
            else:
                found[name] = RegisteredPart(part, source)
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

    def options(self, kind: Kind, spec: str | PartSpec) -> dict[str, Any]:
        """The options of a spec, as the part's constructor takes them.

        Raises ``SpecError`` for an unknown name or option, a value of the wrong type, or a missing option.
        """
        spec = PartSpec.parse(spec)
        return self._options(kind, spec, self.find(kind, spec.name).part)

    def _options(self, kind: Kind, spec: PartSpec, part: type[Part]) -> dict[str, Any]:
        options = typed_options(part, spec, self)
        for name, parameter in part.option_parameters().items():
            if parameter.default is inspect.Parameter.empty and name not in options:
                raise SpecError(
                    expected=f"{kind} {spec.name} with its option {option_name(name)}",
                    got=repr(str(spec)),
                    remedy=f"write {spec.name}:{option_name(name)}=...",
                )
        return options

    def create(self, kind: Kind, spec: str | PartSpec, *arguments: Any) -> Any:
        """Create the part of a spec; ``arguments`` are the positional arguments of its constructor.

        Raises ``SpecError`` for an unknown name or option, or an invalid value.
        """
        spec = PartSpec.parse(spec)
        part = self.find(kind, spec.name).part
        try:
            return part(*arguments, **self._options(kind, spec, part))
        except TensorarError:
            raise
        except (ValueError, RuntimeError, ArithmeticError, TypeError, MemoryError) as error:
            if too_large := memory_error(error):
                raise too_large from error
            if isinstance(error, TypeError):  # a fault of the part, not of its options
                raise
            # values that a part leaves to torch to check, such as a negative width
            raise SpecError(
                expected=f"valid options for the {kind} {spec.name}",
                got=repr(str(spec)),
                remedy=f"reason: {one_line(error)}",
            ) from error

    def check(self, kind: Kind, spec: str | PartSpec) -> None:
        """Check a spec without any data. Raises ``SpecError``.

        Orderings, heads and datasets are created, which also checks their values; the values of a backbone's options
        can only be checked once the shape of the events is known.
        """
        if kind == "backbone":
            self.options(kind, spec)
        else:
            self.create(kind, spec)

    def load_file(self, path: str | Path) -> None:
        """Add the parts of a single-file plugin. Raises ``PluginError``."""
        self.plugins.load_file(path)


def typed_options(part: type[Part], spec: PartSpec, registry: Registry) -> dict[str, Any]:
    """The options of a spec by argument of the part's constructor, converted to the types that the part declares.

    An option that is itself a part, such as the ordering in ``annealed:to=raster``, is made by ``registry``; so are the
    parts of an option that takes several, separated by semicolons.

    Raises ``SpecError`` for unknown names, values of another type, blank text, and numbers that are not finite or
    exceed 64 bits.
    """
    parameters, free = _parameters_by_option(part), part.free_option_type()
    unknown = [key for key in spec.options if key not in parameters]
    if unknown and free is None:
        raise SpecError(
            expected=f"an option of {spec.name}", got=repr(unknown[0]), remedy=nearest(unknown[0], parameters)
        )
    reserved = _reserved_names(part).intersection(unknown)
    if reserved:
        raise SpecError(
            expected=f"a free option of {spec.name} with a name of its own",
            got=repr(min(reserved)),
            remedy="choose another name; this one is a Python keyword, or an argument of the part",
        )
    typed = {}
    for key, value in spec.options.items():
        where = f"{spec.name}'s {key}"
        annotation = parameters[key].annotation if key in parameters else free
        kind = part_kind(annotation)
        several = parts_kind(annotation)
        if several:
            made = tuple(_part(registry, several, text.strip(), where) for text in str(value).split(";"))
        else:
            made = _part(registry, kind, str(value), where) if kind else coerce(value, annotation, where=where)
        # no integers are a value of an option; empty text is none, and as a path it would be the current folder
        if value == "" and made != () and (key not in parameters or parameters[key].default != ""):
            raise SpecError(expected=f"{where} not to be blank", got="''", remedy="leave it out, or fill it in")
        _require_ordinary(made, where)
        typed[parameters[key].name if key in parameters else key] = made
    return typed


def _part(registry: Registry, kind: Kind, text: str, where: str) -> Any:
    """The part of an option. Raises ``SpecError`` for very many in each other, which would exceed Python's stack."""
    if text.count(":") > MAX_NESTED_PARTS:
        raise SpecError(
            expected=f"{where} to be a part of at most {MAX_NESTED_PARTS} parts in each other",
            got=str(text.count(":")),
            remedy="nest fewer",
        )
    return registry.create(kind, text)


def _parameters_by_option(part: type[Part]) -> dict[str, inspect.Parameter]:
    return {option_name(name): parameter for name, parameter in part.option_parameters().items()}


def _reserved_names(part: type[Part]) -> set[str]:
    """Names that an option of any name cannot have, since calls of the constructor use them otherwise."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = {name for name, parameter in argument_parameters(part).items() if parameter.kind in positional}
    return {"self", *own, *keyword.kwlist}


def _require_ordinary(value: Any, where: str) -> None:
    """Raise ``SpecError`` for numbers that are not finite, or exceed 64 bits."""
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, float) and not math.isfinite(item):
            raise SpecError(expected=f"{where} to be a finite number", got=str(item), remedy="use a finite number")
        if isinstance(item, int) and not -(2**63) <= item < 2**63:
            raise SpecError(
                expected=f"{where} to be an integer of at most 64 bits", got=str(item), remedy="use a smaller number"
            )


@cache
def default_registry() -> Registry:
    """The registry of all installed plugins."""
    plugins = Plugins()
    plugins.load_installed()
    return Registry(plugins)
