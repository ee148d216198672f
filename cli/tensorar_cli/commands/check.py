"""``tensorar plugins check``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tensorar_cli import options
from tensorar_cli.output import Output, table
from tensorar_cli.parsing import parse_shape

if TYPE_CHECKING:
    from tensorar.workflows import CheckResult

COLORS = {"failed": "red", "skipped": "yellow"}


def check(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.py", help="A part (or its spec), or a single-file plugin.")],
    thorough: Annotated[bool, typer.Option("--thorough", help="Try many more cases, for minutes.")] = False,
    shape: Annotated[
        list[str] | None, typer.Option(help="Event shape to try, as in 4,4 (repeatable). Default: any.")
    ] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Check a part, or all parts of a file, with the conformance kit; exit code 1 if a check fails."""
    from tensorar import workflows

    output = Output(as_json=json)
    shapes = None if not shape else [parse_shape(text) for text in shape]
    with output.progress("checking") as update:
        report = workflows.check_part(name, thorough=thorough, shapes=shapes, progress=update)
    failed, skipped = report.failed, report.with_status("skipped")
    output.print_table(table("part", "check", "result", "seconds", "reason", rows=[_row(r) for r in report.results]))
    summary = f"{len(report.results)} checks, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else "")
    output.print(summary, style="red" if failed else "green")
    output.print_json({"checks": [asdict(result) for result in report.results]})
    raise typer.Exit(1 if failed else 0)


def _row(result: CheckResult) -> tuple[str | Text, ...]:
    status = Text(result.status, style=COLORS.get(result.status, ""))
    return f"{result.kind} {result.part}", result.check, status, f"{result.seconds:.1f}", result.reason or ""
