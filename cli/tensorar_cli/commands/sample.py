"""``tensorar sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.export import (
    NUMBERS,
    PICTURES,
    SOUNDS,
    beside,
    check_events_output,
    holds_rows,
    is_folder,
    is_of_table,
    write,
    write_files,
    write_values,
)
from tensorar_cli.output import Output, sampling_report

if TYPE_CHECKING:
    from tensorar.workflows import Samples


def sample(
    run: options.RunFolder,
    number: Annotated[
        int | None,
        typer.Option(
            "--number",
            "-n",
            help="Number of samples; with --by-class, of each class. Default: 64, or 8 of each.",
            min=1,
        ),
    ] = None,
    context: options.Contexts = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Draw a titled row of samples of each class (runs with labels).")
    ] = False,
    out: options.PictureOrNumbers = None,
    means: Annotated[
        bool, typer.Option("--means", help="Show the conditional mean of every coefficient beside each sample.")
    ] = False,
    method: options.Method = "auto",
    temperature: options.Temperature = 1.0,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    orders: Annotated[
        int | None,
        typer.Option(
            help="Draw from the mixture of this many random orders, those of evaluate --orders with the same seed, "
            "of a model whose ordering varies.",
            min=1,
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=VALUE,...",
            help="Values of columns that all samples have, as in sex=female,age=30, for a run trained on a table.",
        ),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw samples: a picture of all (.png), one each (a folder), numbers (.npy, .csv), or rows of the run's table."""
    from tensorar import workflows
    from tensorar.utils.words import counted

    output, name = Output(as_json=json), "samples.csv" if is_of_table(run) else "samples.png"
    path = check_events_output(out, run, name, PICTURES + NUMBERS + SOUNDS)
    with output.progress("sampling") as update:
        result = workflows.sample(
            run,
            number or (8 if by_class else 64),
            context=context or None,
            by_class=by_class,
            means=means,
            method=method,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            orders=orders,
            given=given,
            seed=seed,
            device=device,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    _write(path, result, output)
    each = f", {len(result.samples) // len(result.classes)} of each class" if result.classes else ""
    output.print(f"{counted(len(result.samples), 'sample')}{each} in {path} ({result.info})")
    values = {
        "samples": len(result.samples),
        "classes": list(result.classes),
        "shape": list(result.samples.shape),
        "path": str(path),
    }
    output.print_json({"run": str(run)} | values | sampling_report(result.info))


def _write(path: Path, result: Samples, output: Output) -> None:
    """Write samples as the ending says: rows of the run's table, a file of each, a picture of all, or numbers."""
    from tensorar.tables import write_table
    from tensorar.workflows.table_rows import schema_of

    is_rows = result.run.schema is not None and holds_rows(path)
    if is_rows:
        write_table(path, result.frame(), schema_of(result.run).form)
    elif is_folder(path):
        write_files(path, result.pictures())
    elif path.suffix in SOUNDS:
        write_files(path.parent, result.files(path.name))
    else:
        write(path, result.figure, result.samples, result.run, output)
    if result.means is not None and (is_rows or path.suffix in NUMBERS):
        write_values(beside(path, "means"), result.means, result.run)
