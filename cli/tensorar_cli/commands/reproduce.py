"""``tensorar reproduce``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, decimal, duration, table, with_error
from tensorar_cli.training_progress import reproduction_callbacks

if TYPE_CHECKING:
    from tensorar.workflows import Reproduction, RowSummary


def reproduce(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The row, as --list names it.")] = None,
    list_them: Annotated[
        bool, typer.Option("--list", help="List the rows: the published figure, the recorded one, and the cost.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Try every step of the way in seconds; the figure means nothing.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Go on with a reproduction, or with a run of the row's recipe."),
    ] = None,
    out: options.NewRun = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Reproduce a published result: train its recipe, and evaluate it once on the whole test set."""
    from tensorar import workflows

    output = Output(as_json=json)
    _check(name, list_them, quick, resume, out)
    if list_them:
        rows = workflows.list_rows()
        output.print_table(table(*HEADERS, rows=[_cells(row) for row in rows]))
        output.print_json({"rows": [row.as_dict() for row in rows]})
        return
    with reproduction_callbacks(output) as callbacks:
        found = workflows.reproduce(
            name,
            out=out,
            resume_from=resume,
            quick=quick,
            device=device,
            announce=lambda line: output.print(f"note: {line}"),
            **callbacks,
        )
    _print(output, found)


HEADERS = ("row", "theirs", "ours", "unit", "training", "compared with")


def _cells(row: RowSummary) -> tuple[str, ...]:
    return (
        row.name,
        "" if row.theirs is None else f"{row.theirs:g}",
        "not trained yet" if row.ours is None else with_error(row.ours, row.standard_error),
        row.unit,
        f"{duration(60 * row.minutes)} of a {'GPU' if row.machine == 'gpu' else 'core'}",
        row.group,
    )


def _print(output: Output, found: Reproduction) -> None:
    """The figure beside the published one; an interrupt ends the command with the signal's exit code."""
    if found.result is None:
        output.print_json({"folder": str(found.folder), "interrupted": True})
        output.print(f"interrupted and saved; go on with: tensorar reproduce --resume {quote(str(found.folder))}")
        raise typer.Exit(128 + (found.interrupted or 0))
    if found.was_finished:
        output.print(f"{found.folder} is finished: nothing to do")
    output.print_table(table("", found.row.unit, rows=_figures(found.result, found)))
    for line in _remarks(found.result, found):
        output.print(line)
    output.print(f"result: {found.path}")
    output.print_json({"folder": str(found.folder), "result": found.result})


def _figures(result: dict[str, Any], found: Reproduction) -> list[tuple[str, str]]:
    mixed = "" if result["mean_over_orders"] is None else f", mixture of {found.row.orders} orders"
    rows = [(f"ours{mixed}", with_error(result["figure"], result["standard_error"]))]
    if result["mean_over_orders"] is not None:
        rows.append(("ours, mean over the orders (a bound)", decimal(result["mean_over_orders"], 3)))
    if result["theirs"] is not None:
        rows.append(("theirs", f"{result['theirs']:g}"))
    if result["baseline"] is not None:
        rows.append((f"one {found.row.baseline}, ours", decimal(result["baseline"], 3)))
    if found.row.baseline_theirs is not None:
        rows.append((f"one {found.row.baseline}, theirs", f"{found.row.baseline_theirs:g}"))
    return rows


def _remarks(result: dict[str, Any], found: Reproduction) -> list[str]:
    kind = "exact" if result["exact"] else "an unbiased estimate"
    lines = [f"{result['events']} test events ({kind}); theirs: {found.row.source}"]
    if result["quick"]:
        return ["a quick trial: this is not the figure", *lines]
    if found.row.note:
        lines.append(f"note: {found.row.note}")
    if found.row.misses(result["figure"]):
        lines.append(f"more than 1 % above the published figure: {found.row.reason or 'no reason is known'}")
    return lines


def _check(name: str | None, list_them: bool, quick: bool, resume: Path | None, out: Path | None) -> None:
    """Refuse options that exclude each other."""
    from tensorar import TensorarError

    given = [word for word, there in (("NAME", name), ("--list", list_them), ("--resume", resume)) if there]
    if len(given) != 1:
        raise TensorarError(
            expected="one of NAME, --list and --resume FOLDER",
            got=" and ".join(given) or "none",
            remedy="tensorar reproduce --list shows the names",
        )
    ignored = [word for word, there in (("--quick", quick), ("--out", out)) if there and name is None]
    if ignored:
        raise TensorarError(
            expected=f"no {' or '.join(ignored)} with {given[0]}",
            got="both",
            remedy=f"leave out {' and '.join(ignored)}",
        )
