"""``tensorar plugins check``."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tensorar_cli import options
from tensorar_cli.output import Output, table
from tensorar_cli.parsing import parse_shape

if TYPE_CHECKING:
    from tensorar.workflows import CheckReport, CheckResult

COLORS = {"failed": "red", "skipped": "yellow", "expected_failure": "yellow"}


def check(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.py", help="A part (or its spec), or a single-file plugin.")],
    thorough: Annotated[bool, typer.Option("--thorough", help="Try many more cases, for minutes.")] = False,
    shape: Annotated[
        list[str] | None, typer.Option(help="Event shape to try, as in 4,4 (repeatable). Default: any.")
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=REASON", help="A check that must fail, and why (repeatable)."),
    ] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Check a part, or all parts of a file, with the conformance kit; exit code 1 if a check fails.

    A check that is expected to fail must do so: it counts as failed if it passes, or is skipped.
    """
    from tensorar import workflows

    gc.freeze()  # a collection need not look through half a million objects of torch each time
    output = Output(as_json=json)
    shapes = None if not shape else [parse_shape(text) for text in shape]
    expected = _expected_failures(expect or [])
    with output.progress("checking") as update:
        report = workflows.check_part(
            name, thorough=thorough, shapes=shapes, expected_failures=expected, progress=update
        )
    output.print_table(table("part", "check", "result", "seconds", "reason", rows=[_row(r) for r in report.results]))
    output.print(_summary(report), style="red" if report.failed else "green")
    output.print_json({"checks": [asdict(result) for result in report.results], "counts": report.counts})
    raise typer.Exit(1 if report.failed else 0)


def _expected_failures(texts: Sequence[str]) -> dict[str, str]:
    """The options ``NAME=REASON`` as a mapping. Raises ``SpecError``."""
    from tensorar import SpecError

    found: dict[str, str] = {}
    for text in texts:
        name, _, reason = text.partition("=")
        if not name.strip() or not reason.strip() or name.strip() in found:
            raise SpecError(
                expected="--expect NAME=REASON, once for a check",
                got=repr(text),
                remedy='write for example --expect "sees_its_past=its kernel is short"',
            )
        found[name.strip()] = reason.strip()
    return found


def _summary(report: CheckReport) -> str:
    counts = report.counts
    text = f"{len(report.results)} checks: {counts['passed']} passed, {counts['failed']} failed"
    text += f", {counts['skipped']} skipped" if counts["skipped"] else ""
    expected = counts["expected_failure"]
    return text + (f", {expected} expected failure{'s' if expected > 1 else ''}" if expected else "")


def _row(result: CheckResult) -> tuple[str | Text, ...]:
    status = Text(result.status.replace("_", " "), style=COLORS.get(result.status, ""))
    return f"{result.kind} {result.part}", result.check, status, f"{result.seconds:.1f}", result.reason or ""
