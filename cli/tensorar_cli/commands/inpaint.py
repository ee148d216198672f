"""``tensorar inpaint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.export import NUMBERS, PICTURES, check_extension, write
from tensorar_cli.output import Output, sampling_report


def inpaint(
    run: options.RunFolder,
    evidence: Annotated[
        str | None,
        typer.Option(
            help="The known region: 'top half', 'left third', 'center box', 'border', 'rows 3-7', 'column 2', "
            "'first 45' (in the model's order), 'every 2nd', 'every 2nd row', 'random 30 %', 'low-discrepancy 10 %', "
            "or several joined by +. Default: the top half, or a similar region if there are no rows."
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A mask instead: a .npy array, True if known, of the event's shape or one per event, or a .png "
            "whose transparent pixels are unknown (if none are: white ones).",
        ),
    ] = None,
    events: Annotated[int, typer.Option(help="Number of events to complete.", min=1)] = 8,
    completions: Annotated[int, typer.Option(help="Completions per event.", min=1)] = 4,
    split: options.Split = "test",
    context: options.Contexts = None,
    out: options.PictureOrNumbers = None,
    method: options.Method = "auto",
    temperature: options.Temperature = 1.0,
    top_k: options.TopK = None,
    top_p: options.TopP = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Complete events of the dataset from a part of them: originals, evidence and completions side by side."""
    from tensorar import workflows

    output, path = Output(as_json=json), check_extension(out or run / "inpainting.png", PICTURES + NUMBERS)
    with output.progress("in-painting") as update:
        result = workflows.inpaint(
            run,
            evidence,
            mask=mask,
            events=events,
            completions=completions,
            split=split,
            context=context,
            method=method,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            device=device,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    write(path, result.figure, result.completions, result.run.event_shape)
    count, shape = len(result.originals), list(result.completions.shape)
    known = result.mask.reshape(count, -1).sum(1).tolist()
    output.print(f"{count} events, {completions} completions each, in {path} ({result.info})")
    values = {"events": count, "known": known[0] if len(set(known)) == 1 else known, "shape": shape, "path": str(path)}
    output.print_json({"run": str(run)} | values | sampling_report(result.info))
