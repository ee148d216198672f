"""``tensorar score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, decimal


def score(
    run: options.RunFolder,
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A table, or for other runs a file of events, or a folder of files."),
    ],
    out: options.TableOut = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Also the nats of each cell given those before it in the model's order.")
    ] = False,
    context: options.Contexts = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Score rows of a table, pictures and other events: nats of each (the more, the more unusual), and its rank."""
    from tensorar import workflows
    from tensorar.tables import check_table_path, write_table
    from tensorar.utils.words import counted

    output = Output(as_json=json)
    path = check_table_path(out or run / f"{data.resolve().name.partition('.')[0]}-scores.csv")
    with output.progress("scoring") as update:
        found = workflows.score(
            run,
            data,
            columns=columns,
            context=context,
            device=device,
            progress=lambda done, total, nats: update(done, total, f"{nats:.2f} nats"),
            announce=output.print,
        )
    write_table(path, found.frame(), found.form)
    for note in found.notes:
        output.print(f"note: {note}")
    most = int(found.nats.argmax())
    output.print(
        f"{counted(len(found.nats), found.what)} in {path}: {decimal(float(found.nats.mean()), 3)} nats on average, "
        f"most in {found.place(most)} ({decimal(float(found.nats[most]), 3)})"
    )
    ranks = None if found.rank is None else found.rank.tolist()
    values = {f"{found.what}s": len(found.nats), "nats": found.nats.tolist(), "rank": ranks, "path": str(path)}
    output.print_json({"run": str(run)} | values | {"notes": list(found.notes)})
