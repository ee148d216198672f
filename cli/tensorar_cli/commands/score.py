"""``tensorar score``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output, decimal


def score(
    run: options.RunFolder,
    rows: options.Rows,
    out: options.TableOut = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Also the nats of each cell given those before it in the model's order.")
    ] = False,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Score the rows of a table: nats of each (the more, the more unusual), and its rank among the training rows."""
    from tensorar import workflows
    from tensorar.tables import check_table_path, write_table
    from tensorar.utils.words import counted

    output = Output(as_json=json)
    path = check_table_path(out or run / f"{rows.name.partition('.')[0]}-scores.csv")
    found = workflows.score(run, rows, columns=columns, device=device)
    write_table(path, found.frame(), found.rows.table.form)
    for note in found.notes:
        output.print(f"note: {note}")
    most = int(found.nats.argmax())
    output.print(
        f"{counted(len(found.nats), 'row')} in {path}: {decimal(float(found.nats.mean()), 3)} nats on average, "
        f"most in row {most + 1} ({decimal(float(found.nats[most]), 3)})"
    )
    ranks = None if found.rank is None else found.rank.tolist()
    values = {"rows": len(found.nats), "nats": found.nats.tolist(), "rank": ranks, "path": str(path)}
    output.print_json({"run": str(run)} | values | {"notes": list(found.notes)})
