"""``tensorar plugins list`` and ``tensorar plugins show``; ``check`` and ``new`` are in files of their own."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.capabilities import backbone_table, takes
from tensorar_cli.commands.check import check
from tensorar_cli.commands.new import new
from tensorar_cli.output import Output, table

if TYPE_CHECKING:
    from tensorar import Registry
    from tensorar.parts.registry import Kind, RegisteredPart

plugins_app = typer.Typer(help="See what parts there are, check them, and begin new ones.", no_args_is_help=True)
plugins_app.command("check")(check)
plugins_app.command("new")(new)


@plugins_app.command("list")
def list_parts(
    kind: Annotated[str | None, typer.Argument(help="Only one kind: ordering, head, ...")] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """List every part of every installed plugin."""
    from tensorar import TensorarError, default_registry
    from tensorar.parts.registry import KINDS
    from tensorar.parts.spec import nearest

    if kind is not None and kind.removesuffix("s") not in KINDS:
        raise TensorarError(expected="a kind of part", got=repr(kind), remedy=nearest(kind, KINDS))
    output, registry = Output(as_json=json), default_registry()
    kinds = [k for k in KINDS if kind is None or k == kind.removesuffix("s")]
    found = [(k, name, registered) for k in kinds for name, registered in registry.parts(k).items()]
    parts: list[dict[str, Any]] = [
        {"kind": k, "name": name, "description": r.description, "plugin": str(r.owner)} for k, name, r in found
    ]
    output.show(table("kind", "name", "description", "plugin", rows=[tuple(part.values()) for part in parts]))
    for part, (k, _, registered) in zip(parts, found, strict=True):
        part |= {"takes": takes(registered.part)} if k == "backbone" else {}
    if "backbone" in kinds:
        output.show(backbone_table({part["name"]: part["takes"] for part in parts if "takes" in part}))
    for name, why in registry.plugins.failures.items():
        output.say(f"the plugin {name} failed and was left out: {why}", style="yellow")
    output.result({"parts": parts, "failures": registry.plugins.failures})


@plugins_app.command("show")
def show_part(
    name: Annotated[str, typer.Argument(help="The name of a part.")],
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Describe a part and its options."""
    from tensorar import default_registry

    output, registry = Output(as_json=json), default_registry()
    shown = [_details(kind, found) for kind, found in named(registry, name)]
    for part in shown:
        output.say(f"{part['name']}: {part['kind']} from {part['plugin']}", style="bold")
        output.say(part["documentation"] + "\n")
        rows = [(option["name"], option["type"], option["default"]) for option in part["options"]]
        output.show(table("option", "type", "default", rows=rows) if rows else table("no options", rows=[]))
    output.result({"parts": shown})


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "required"
    plain = parameter.default is None or isinstance(parameter.default, bool)
    return str(parameter.default).lower() if plain else str(parameter.default)


def named(registry: Registry, name: str) -> list[tuple[Kind, RegisteredPart]]:
    """The parts of that name, each with its kind. Raises ``SpecError`` where there is none."""
    from tensorar import SpecError
    from tensorar.parts.registry import KINDS
    from tensorar.parts.spec import nearest

    everything = [(kind, part, owned) for kind in KINDS for part, owned in registry.parts(kind).items()]
    found: list[tuple[Kind, RegisteredPart]] = [(kind, owned) for kind, part, owned in everything if part == name]
    if not found:
        names = [part for _, part, _ in everything]
        raise SpecError(expected="the name of a part", got=repr(name), remedy=nearest(name, names))
    return found


def _details(kind: str, found: RegisteredPart) -> dict[str, Any]:
    part = found.part
    details = {"name": part.name, "kind": kind, "plugin": str(found.owner)}
    if kind == "recipe":
        from tensorar import recipe_toml

        return details | {"documentation": f"{part.description}\n\n{recipe_toml(part)}", "options": []}
    return details | {"documentation": inspect.getdoc(part) or "", "options": _options(part)}


def _options(part: Any) -> list[dict[str, str]]:
    from tensorar.parts.part import type_name

    options = [
        {
            "name": name,
            "type": type_name(p.annotation),
            "default": _default(p),
        }
        for name, p in part.option_parameters().items()
    ]
    free = part.free_option_type()
    return options if free is None else [*options, {"name": "any name", "type": type_name(free), "default": "none"}]
