"""``tensorar plugins check``."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from tensorar_cli import options
from tensorar_cli.commands.order import parse_shape
from tensorar_cli.output import Output, table

if TYPE_CHECKING:
    from tensorar import Registry
    from tensorar.parts.registry import RegisteredPart
    from tensorar.testing import Check


def check(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.py", help="A part (or its spec), or a single-file plugin.")],
    thorough: Annotated[bool, typer.Option("--thorough", help="Look at many more cases, for minutes.")] = False,
    shape: Annotated[
        list[str] | None, typer.Option(help="An event's shape to look at, as in 4,4 (may be repeated); by default any.")
    ] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Check a part, or all parts of a file, with the conformance kit; exit code 1 when a check fails."""
    from tensorar import default_registry

    output, registry = Output(as_json=json), default_registry()
    shapes = None if not shape else [parse_shape(text) for text in shape]
    with tempfile.TemporaryDirectory() as folder:
        # where Hypothesis keeps what it notes, which is not for the user's folder
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        found = list(_checks(registry, name, shapes, thorough))
        results = _run(found, output)
    failed = [result for result in results if not result["passed"]]
    output.show(table("part", "check", "result", "seconds", "counterexample", rows=[_row(r) for r in results]))
    output.say(f"{len(results)} checks, {len(failed)} failed", style="red" if failed else "green")
    output.result({"checks": results})
    raise typer.Exit(1 if failed else 0)


def _run(checks: list[Check], output: Output) -> list[dict[str, Any]]:
    from tensorar.testing import CheckFailed

    results = []
    with output.progress("checking") as update:
        for done, one in enumerate(checks):
            update(done, len(checks), f"{one.part}: {one.name}")
            started, counterexample = time.perf_counter(), None
            try:
                one()
            except CheckFailed as error:
                counterexample = str(error)
            seconds = round(time.perf_counter() - started, 3)
            result = {"part": one.part, "kind": one.kind, "check": one.name, "passed": counterexample is None}
            results.append(result | {"counterexample": counterexample, "seconds": seconds})
    return results


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    said = "passed" if result["passed"] else "[red]failed[/red]"
    part = f"{result['kind']} {result['part']}"
    return part, result["check"], said, f"{result['seconds']:.1f}", escape(result["counterexample"] or "")


def _checks(registry: Registry, name: str, shapes: list[tuple[int, ...]] | None, thorough: bool) -> Iterator[Check]:
    from tensorar.testing import checks

    for found, given in _parts(registry, name):
        yield from checks(found.part, profile="thorough" if thorough else "quick", shapes=shapes, **given)


def _parts(registry: Registry, name: str) -> Iterator[tuple[RegisteredPart, dict[str, Any]]]:
    """The parts that are meant, each with the options that the spec sets."""
    from tensorar import PartSpec, TensorarError
    from tensorar.parts.registry import KINDS, typed_options
    from tensorar_cli.commands.plugins import named

    if name.endswith(".py"):
        registry.load_file(name)
        file = str(Path(name).resolve())
        of_file = [
            found for kind in KINDS for found in registry.parts(kind).values() if found.owner.distribution == file
        ]
        parts = [found for found in of_file if isinstance(found.part, type)]
        if not parts:
            raise TensorarError(
                expected=f"an ordering, head, backbone or dataset in {name}",
                got=registry.plugins.failures.get(Path(name).stem, "none"),
                remedy="list it in a hook such as tensorar_heads",
            )
        yield from ((found, {}) for found in parts)
        return
    spec = PartSpec.parse(name)
    for kind, found in named(registry, spec.name):
        if kind == "recipe":
            raise TensorarError(
                expected="the name of an ordering, head, backbone or dataset",
                got=f"the recipe {spec.name!r}",
                remedy="check the parts that it names",
            )
        if kind != "backbone":
            # tells which option is missing, and which value is none
            registry.create(kind, spec)
        yield found, typed_options(found.part, spec)
