"""``tensorar plugins list`` and ``tensorar plugins show``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.capabilities import backbone_table, capabilities, defaults
from tensorar_cli.output import Output, table

if TYPE_CHECKING:
    from tensorar.parts.registry import RegisteredPart

COLUMNS = ("option", "type", "default", "meaning")


def list_parts(
    kind: Annotated[str | None, typer.Argument(help="One kind only: ordering, head, ...")] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """List the parts of all installed plugins."""
    from tensorar import TensorarError, default_registry
    from tensorar.parts.spec import KINDS, nearest

    if kind is not None and kind.removesuffix("s") not in KINDS:
        raise TensorarError(expected="a kind of part", got=repr(kind), remedy=nearest(kind, KINDS))
    output, registry = Output(as_json=json), default_registry()
    kinds = [k for k in KINDS if kind is None or k == kind.removesuffix("s")]
    found = [(k, name, registered) for k in kinds for name, registered in registry.parts(k).items()]
    parts: list[dict[str, Any]] = [
        {"kind": k, "name": name, "description": r.description, "plugin": str(r.source)} for k, name, r in found
    ]
    output.print_table(table("kind", "name", "description", "plugin", rows=[tuple(part.values()) for part in parts]))
    for part, (k, _, registered) in zip(parts, found, strict=True):
        part |= {"capabilities": capabilities(registered.part)} if k == "backbone" else {}
    if "backbone" in kinds:
        output.print_table(
            backbone_table({part["name"]: part["capabilities"] for part in parts if "capabilities" in part})
        )
    for name, why in registry.plugins.failures.items():
        output.print(f"the plugin {name} failed and was left out: {why}", style="yellow")
    output.print_json({"parts": parts, "failures": registry.plugins.failures})


def show_part(
    name: Annotated[str, typer.Argument(help="The name of a part.")],
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Describe a part and its options."""
    from tensorar import default_registry
    from tensorar.workflows.find_parts import find_parts

    output = Output(as_json=json)
    parts = [_details(kind, found) for kind, found in find_parts(default_registry(), name)]
    for part in parts:
        output.print(f"{part['name']}: {part['kind']} from {part['plugin']}", style="bold")
        output.print_lines(part["documentation"] + "\n\n")
        rows = [tuple(option.values()) for option in part["options"]]
        output.print_table(table(*COLUMNS, rows=rows) if rows else table("no options", rows=[]))
        if "defaults" in part:
            words = ", ".join(f"{name} {value}" for name, value in part["defaults"].items())
            output.print(f"used by default: {words}")
    output.print_json({"parts": parts})


def _details(kind: str, found: RegisteredPart) -> dict[str, Any]:
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
