"""``tensorar runs list``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len

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
# what a narrow terminal does without, first to last; names of data and parts are cut in the middle before
HIDDEN_FIRST = ("date", "ordering", "parameters", "training", "steps", "bits/dim", "backbone", "data", "status")
CUT, GAP = 24, 2


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
    headers, rows, hidden = fitting(HEADERS, [_row(run) for run in found], output.console.width)
    output.print_table(table(*headers, rows=rows))
    if hidden and not json:
        output.print(
            f"not shown in {output.console.width} columns: {', '.join(hidden)} (see --json, or a wider terminal)"
        )
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


def fitting(
    headers: tuple[str, ...], rows: list[tuple[str, ...]], width: int
) -> tuple[list[str], list[tuple[str, ...]], list[str]]:
    """The headers and cells that fit in a width, so that names of runs and numbers stay whole, and what is hidden."""
    columns = {name: [row[i] for row in rows] for i, name in enumerate(headers)}

    def too_wide() -> bool:
        widths = [max(map(cell_len, [name, *cells])) for name, cells in columns.items()]
        return sum(widths) + GAP * (len(widths) - 1) > width

    if too_wide():
        for name in ("data", "backbone", "ordering"):
            columns[name] = [_cut(cell) for cell in columns[name]]
    hidden = []
    for name in HIDDEN_FIRST:
        if not too_wide():
            break
        del columns[name]
        hidden.append(name)
    return list(columns), list(zip(*columns.values(), strict=True)), hidden


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[: CUT // 2 - 1]}…{text[-CUT // 2 :]}"
