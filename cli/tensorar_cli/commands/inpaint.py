"""``tensorar inpaint``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

if TYPE_CHECKING:
    from torch import Tensor


def inpaint(
    run: options.RunFolder,
    evidence: Annotated[
        str, typer.Option(help="What is known: 'top half', 'left third', 'center box', 'border', 'random 0.3'.")
    ] = "top half",
    mask: Annotated[
        Path | None, typer.Option(help="Instead a .npy file of the event's shape: true where known.")
    ] = None,
    events: Annotated[int, typer.Option(help="How many events to complete.", min=1)] = 8,
    completions: Annotated[int, typer.Option(help="How many completions of each.", min=1)] = 4,
    split: options.Split = "test",
    out: options.Out = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Complete events of the dataset from a part of them: original, evidence and completions side by side."""
    import tensorar
    from tensorar import pictures
    from tensorar_cli.loading import generator_of, open_run, some_events

    output, generator = Output(as_json=json), generator_of(seed)
    opened, model = open_run(run, device)
    original = some_events(opened.dataset, split, events, seed)
    known = _read_mask(mask, model.event_shape) if mask else tensorar.region(evidence, model.event_shape, generator)
    start = tensorar.Evidence(known.expand(original.shape), original)
    with output.progress("in-painting") as update:
        completed = model.sample(
            evidence=start.repeat(completions),
            generator=generator,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    by_event = completed.unflatten(0, (len(original), completions)).cpu()
    path = out or run / "inpainting.png"
    pictures.save(pictures.inpainting(original, start, by_event), path)
    output.say(f"{len(original)} events, {completions} completions each, in {path}")
    output.result({"run": str(run), "events": len(original), "known": int(known.sum()), "path": str(path)})


def _read_mask(path: Path, event_shape: tuple[int, ...]) -> Tensor:
    import numpy as np
    import torch

    try:
        mask = torch.from_numpy(np.load(path, allow_pickle=False)).bool()
    except (ValueError, OSError, EOFError, TypeError) as error:
        raise typer.BadParameter(f"expected --mask to be a .npy file, got {path}: {error}") from error
    if tuple(mask.shape) != event_shape:
        raise typer.BadParameter(f"expected a mask of shape {event_shape}, got {tuple(mask.shape)} in {path}")
    return mask
