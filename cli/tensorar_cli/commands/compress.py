"""``tensorar compress``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

if TYPE_CHECKING:
    from tensorar.workflows import Compressed


def compress(
    run: options.RunFolder,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="A .npy or .npz file of events, a picture or a folder of pictures, or a table."
        ),
    ],
    out: Annotated[
        Path | None,
        options.out("The file to write. Default: in RUN.", "FILE.tar"),
    ] = None,
    context: options.Contexts = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Decode, and compare, before the file is written.")
    ] = True,
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Also the sizes that PNG, WebP, JPEG XL, xz, bzip2 and zstd reach, if installed."
        ),
    ] = False,
    device: Annotated[
        str, typer.Option(help="Device: cpu, cuda, mps. Decoding needs the same, for GPUs the same model.")
    ] = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Compress a file of events without loss: about -log2 p(x) bits, by the model of a run."""
    from tensorar import workflows
    from tensorar.utils.files import write_atomically

    output = Output(as_json=json)
    path = out or run / f"{data.name.partition('.')[0]}.tar"
    with output.progress("compressing") as update:
        found = workflows.compress(
            run,
            data,
            context=context,
            verify=verify,
            device=device,
            progress=lambda what, done, total: update(done, total, f"{what} step {done}/{total}"),
        )
    write_atomically(path, found.content)
    for note in found.source.notes:
        output.print(f"note: {note}")
    n, side = len(found.source.events), found.side_bytes
    output.print(
        f"{n} events in {path}: {found.coded_bytes} bytes, {found.coded_bits_per_dim:.4f} bits/dim "
        f"({found.bits_per_dim:.4f} by the model's likelihood), and {sum(side.values())} bytes of side information"
        f"{'' if verify else '; not verified'}"
    )
    values = {"events": n, "path": str(path), "coded_bytes": found.coded_bytes, "side_bytes": side}
    values |= {"coded_bits_per_dim": found.coded_bits_per_dim, "bits_per_dim": found.bits_per_dim}
    values |= {"seconds_per_event": found.seconds / n, "verified": verify, "notes": list(found.source.notes)}
    if report:
        values["side_bytes"] = side | {"weights": found.weight_bytes}
        values["others"] = _report(found, output)
    output.print_json({"run": str(run)} | values)


def _report(found: Compressed, output: Output) -> list[dict[str, Any]]:
    """Print the parts of the size, and the sizes that other compressors reach; returns these for JSON."""
    from rich.table import Table

    parts = ", ".join(f"{name} {size}" for name, size in found.side_bytes.items())
    output.print(f"side information, bytes: {parts}; weights, needed once: {found.weight_bytes}")
    output.print(f"{found.seconds / len(found.source.events):.3g} CPU seconds per event to encode")
    others = found.others()
    table = Table("compressor", "bits/dim, all events in one", "bits/dim, a file per event", box=None)
    table.add_row("this run", f"{found.coded_bits_per_dim:.4f}", "")
    for other in others:
        table.add_row(other.name, f"{other.tiled:.4f}", f"{other.each:.4f} ({other.sampled} events)")
    output.print_table(table)
    return [vars(other) for other in others]
