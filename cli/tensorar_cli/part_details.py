"""A part in words: its documentation and its options, for ``tensorar plugins show`` and the documentation site."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from tensorar_cli.capabilities import defaults

if TYPE_CHECKING:
    from tensorar.parts.registry import RegisteredPart


def part_details(kind: str, found: RegisteredPart) -> dict[str, Any]:
    """Name, kind, plugin, documentation and options of a part; its documentation is that of the class, or a recipe."""
    part = found.part
    details: dict[str, Any] = {"name": part.name, "kind": kind, "plugin": str(found.source)}
    details |= {"defaults": defaults(part)} if kind == "backbone" else {}
    if kind == "recipe":
        from tensorar import recipe_toml

        return details | {"documentation": f"{part.description}\n\n{recipe_toml(part)}", "options": []}
    # the section on options follows as a table
    documentation = (inspect.getdoc(part) or "").partition("\nOptions:\n")[0].strip()
    return details | {"documentation": documentation, "options": _options(part)}


def _options(part: Any) -> list[dict[str, str]]:
    from tensorar.parts.part import option_name, type_name

    meanings = part.option_descriptions()
    rows = [
        (option_name(name), type_name(parameter.annotation), _default(parameter), meanings.get(option_name(name), ""))
        for name, parameter in part.option_parameters().items()
    ]
    free = part.free_option_type()
    if free is not None:
        rows.append(("any name", type_name(free), "none", meanings.get(_free_name(part), "")))
    return [dict(zip(("name", "type", "default", "meaning"), row, strict=True)) for row in rows]


def _free_name(part: Any) -> str:
    parameters = inspect.signature(part).parameters.values()
    return next(p.name for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD)


def _default(parameter: inspect.Parameter) -> str:
    from tensorar.parts.part import part_kind

    if parameter.default is parameter.empty:
        return "required"
    if part_kind(parameter.annotation):
        return str(parameter.default.name)
    plain = parameter.default is None or isinstance(parameter.default, bool)
    return str(parameter.default).lower() if plain else str(parameter.default)
