"""``tensorar decompress``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output


def decompress(
    file: Annotated[Path, typer.Argument(metavar="FILE.tar", help="A file that tensorar compress wrote.")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="The run that it was compressed with.")],
    out: Annotated[
        Path,
        options.out("The file or folder to write, of the kind that was compressed.", "PATH"),
    ],
    partial: Annotated[
        bool, typer.Option("--partial", help="Write the events of sound blocks if others are damaged.")
    ] = False,
    device: Annotated[str, typer.Option(help="Device: that of the encoder.")] = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Get a compressed file back: the very same values, or an error."""
    from tensorar import workflows

    output = Output(as_json=json)
    with output.progress("decompressing") as update:
        found = workflows.decompress(
            file,
            run,
            out,
            partial=partial,
            device=device,
            progress=lambda _, done, total: update(done, total, f"step {done}/{total}"),
        )
    found.write(out)
    written, n = int(found.source.kept.sum()), len(found.source.events)
    for number, reason in found.lost.items():
        output.print(f"lost: block {number + 1} ({reason})")
    output.print(f"{written} of {n} events in {out}" if found.lost else f"{n} events in {out}")
    lost = {str(number + 1): reason for number, reason in found.lost.items()}
    output.print_json({"run": str(run), "events": n, "written": written, "lost": lost, "path": str(out)})
