"""``tensorar compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, decimal, table, with_error

if TYPE_CHECKING:
    from rich.table import Table

    from tensorar.workflows import Compared, Comparison


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN ...", help="Run folders of models of the same events.")],
    split: options.Split = "test",
    data: options.OtherData = None,
    events: options.MaxEvents = None,
    against: Annotated[str, typer.Option(help="The run that others are subtracted from: best or first.")] = "best",
    baselines: Annotated[
        bool, typer.Option(help="Fit simple distributions to the training events, as neighbours of the runs.")
    ] = True,
    exact: options.Exact = None,
    samples_per_event: options.SamplesPerEvent = 16,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Compare runs on the same events: nats, with standard errors of the differences, beside simple baselines."""
    from tensorar import workflows
    from tensorar.utils.words import counted

    output = Output(as_json=json)
    with output.progress("comparing") as update:
        found = workflows.compare(
            runs,
            split,
            data=data,
            events=events,
            against=against,
            baselines=baselines,
            exact=exact,
            samples_per_event=samples_per_event,
            seed=seed,
            device=device,
            progress=lambda name, done, total: update(done, total, name),
        )
    what = f"{counted(found.events, 'event')} of the {split} split of {found.data}"
    output.print(f"{what}; differences to {found.reference}")
    output.print_table(_table(found))
    for note in found.notes:
        output.print(f"note: {note}")
    output.print_json(found.as_dict())


def _table(found: Comparison) -> Table:
    headers = ("", "nats per event", "difference", "bits/dim", "parameters", "training")
    return table(*headers, rows=[_row(entry) for entry in found.entries])


def _row(entry: Compared) -> tuple[str, ...]:
    estimated = "" if entry.exact else " (estimate)"
    difference = "" if entry.difference is None else with_error(entry.difference, entry.difference_error)
    return (
        entry.name,
        with_error(entry.nats, entry.standard_error) + estimated,
        difference,
        decimal(entry.bits_per_dim, 4),
        "" if entry.parameters is None else str(entry.parameters),
        "" if entry.seconds is None else f"{entry.seconds:.0f} s",
    )
