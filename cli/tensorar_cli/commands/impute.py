"""``tensorar impute``."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.export import beside
from tensorar_cli.output import Output, sampling_report


def impute(
    run: options.RunFolder,
    rows: options.Rows,
    out: options.TableOut = None,
    draws: Annotated[int, typer.Option(help="Completions drawn of each row.", min=1)] = 100,
    statistic: Annotated[
        str, typer.Option(help="What fills a number or a date: mean, median or mode of the draws. Levels: the mode.")
    ] = "mean",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Fill the empty cells of a table from draws given the others; intervals of 90 % go to a second file."""
    from tensorar import workflows
    from tensorar.tables import check_table_path, write_table

    output = Output(as_json=json)
    path = check_table_path(out or run / f"{rows.name.partition('.')[0]}-imputed.csv")
    with output.progress("imputing") as update:
        found = workflows.impute(
            run,
            rows,
            draws=draws,
            statistic=statistic,
            seed=seed,
            device=device,
            progress=lambda done, total: update(done, total, f"row {done}/{total}"),
        )
    second = beside(path, "intervals")
    write_table(path, found.frame(), found.rows.table.form)
    write_table(second, found.intervals(), found.rows.table.form)
    for note in found.notes:
        output.print(f"note: {note}")
    way = f" ({found.info})" if found.filled else ""
    output.print(f"{found.filled} empty cells filled in {path}, with intervals of 90 % in {second}{way}")
    report = sampling_report(found.info) if found.filled else {}
    values = {"rows": len(found.blank), "filled": found.filled, "path": str(path), "intervals": str(second)}
    output.print_json({"run": str(run)} | values | report | {"notes": list(found.notes)})
