"""``tensorar runs list``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, decimal, table

if TYPE_CHECKING:
    from tensorar.workflows import RunSummary

HEADERS = (
    "run",
    "status",
    "data",
    "backbone",
    "ordering",
    "nats",
    "bits/dim",
    "parameters",
    "steps",
    "training",
    "date",
)


def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="A folder of runs, or of such folders.")] = Path(
        "runs"
    ),
    sort: Annotated[
        str,
        typer.Option(
            help="Sort by name, status, data, ordering, head, backbone, nats, bits, parameters, steps, seconds or date."
        ),
    ] = "name",
    reverse: Annotated[bool, typer.Option("--reverse", help="Sort in descending order.")] = False,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """List the runs in a folder: their parts, their best validation, and how far they are. Damaged ones are named."""
    from tensorar import workflows

    output = Output(as_json=json)
    found = workflows.list_runs(folder, sort=sort, reverse=reverse)
    output.print_table(table(*HEADERS, rows=[_row(run) for run in found]))
    for run in found:
        if run.problem is not None:
            output.print(f"{run.name}: {run.problem}", style="yellow")
    output.print_json({"folder": str(folder), "runs": [run.as_dict() for run in found]})


def _row(run: RunSummary) -> tuple[str, ...]:
    return (
        run.name,
        run.status,
        run.data or "",
        run.backbone or "",
        run.ordering or "",
        "" if run.nats is None else decimal(run.nats, 3),
        "" if run.bits is None else decimal(run.bits, 4),
        "" if run.parameters is None else str(run.parameters),
        "" if run.steps is None else str(run.steps),
        "" if run.seconds is None else f"{run.seconds:.0f} s",
        run.date or "",
    )
