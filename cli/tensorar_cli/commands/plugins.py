"""``tensorar plugins list`` and ``tensorar plugins show``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.capabilities import backbone_table, capabilities
from tensorar_cli.output import Output, table
from tensorar_cli.part_details import part_details

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
    parts = [part_details(kind, found) for kind, found in find_parts(default_registry(), name)]
    for part in parts:
        output.print(f"{part['name']}: {part['kind']} from {part['plugin']}", style="bold")
        output.print_lines(part["documentation"] + "\n\n")
        rows = [tuple(option.values()) for option in part["options"]]
        output.print_table(table(*COLUMNS, rows=rows) if rows else table("no options", rows=[]))
        if "defaults" in part:
            words = ", ".join(f"{name} {value}" for name, value in part["defaults"].items())
            output.print(f"used by default: {words}")
    output.print_json({"parts": parts})
