"""``tensorar show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.export import PICTURES, check_extension
from tensorar_cli.output import Output, decimal, table
from tensorar_cli.parsing import parse_index

if TYPE_CHECKING:
    from tensorar.workflows import RunDescription


def show(
    run: options.RunFolder,
    coefficient: Annotated[
        str | None,
        typer.Option(
            help="The coefficient whose receptive field is drawn: 0,14,14, or a flat index. Default: the middle."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        options.out("The picture. Default: receptive-field.png in the run folder.", "FILE.png"),
    ] = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Describe a run: parts, parameters, memory, order, training; draw what one conditional depends on."""
    from tensorar import plotting, workflows

    output, path = Output(as_json=json), check_extension(out or run / "receptive-field.png", PICTURES)
    found = workflows.show(run, coefficient=parse_index(coefficient), device=device)
    plotting.save(found.figure(), path)
    output.print_table(table("", "", rows=_rows(found)))
    for line in found.history:
        output.print(line)
    output.print(_field_line(found, path))
    for note in found.notes:
        output.print(f"note: {note}")
    output.print_json(found.as_dict() | {"path": str(path)})


def _rows(found: RunDescription) -> list[tuple[str, str]]:
    from tensorar.utils.memory import format_bytes
    from tensorar.utils.words import counted

    summary, weights = found.summary, format_bytes(found.weight_bytes)
    rows = [("run", f"{summary.name} ({summary.status})"), *found.parts.items()]
    rows.append(("event", f"shape {found.run.event_shape}, {found.visits.rank.numel()} coefficients"))
    if found.run.context_features:
        rows.append(("context", f"{found.run.context_features} numbers"))
    rows.append(("order", found.order))
    rows.append(("parameters", str(found.run.parameter_count)))
    rows.append(("memory", f"weights {weights}; in training {format_bytes(found.training_bytes)} and the activations"))
    if summary.nats is not None and summary.bits is not None:
        rows.append(("validation", f"{decimal(summary.nats, 3)} nats per event, {decimal(summary.bits, 4)} bits/dim"))
    if summary.steps is not None and summary.seconds is not None:
        rows.append(("training", f"{counted(summary.steps, 'step')} in {summary.seconds:.0f} s"))
    return rows


def _field_line(found: RunDescription, path: Path) -> str:
    spot = f"; blind to {found.blind_count}" if found.blind_count else ""
    name = "" if found.coefficient_name is None else f" {found.coefficient_name}"
    return (
        f"coefficient{name} {found.index} at step {found.step} depends on {found.seen_count} of the {found.step} "
        f"visited before it{spot}, drawn in {path}"
    )
