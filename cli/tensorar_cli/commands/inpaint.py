"""``tensorar inpaint``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

if TYPE_CHECKING:
    from torch import Generator, Tensor


def inpaint(
    run: options.RunFolder,
    evidence: Annotated[
        str | None,
        typer.Option(
            help="What is known: 'top half', 'left third', 'center box', 'border', 'random 0.3'. "
            "Default: top half, or what comes nearest to it."
        ),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="Instead an array of the event's shape: true where known.")
    ] = None,
    events: Annotated[int, typer.Option(help="How many events to complete.", min=1)] = 8,
    completions: Annotated[int, typer.Option(help="How many completions of each.", min=1)] = 4,
    split: options.Split = "test",
    context: options.Contexts = None,
    out: options.PictureOrNumbers = None,
    method: options.Method = "auto",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Complete events of the dataset from a part of them: original, evidence and completions side by side."""
    import tensorar
    from tensorar import plotting
    from tensorar.generation import Record
    from tensorar_cli.export import NUMBERS, PICTURE, check_ending, write
    from tensorar_cli.run_inputs import generator_of, known_method, open_run, some_events, written_contexts

    output, generator = Output(as_json=json), generator_of(seed)
    path = check_ending(out or run / "inpainting.png", PICTURE + NUMBERS)
    opened, model = open_run(run, device)
    known = _known(evidence, mask, model.event_shape, generator)
    original, own = some_events(opened.dataset, split, events, seed)
    written = written_contexts(opened, context, len(original))
    contexts = own if written is None else written
    start = tensorar.Evidence(known.expand(original.shape), original)
    record = Record()
    with output.progress("in-painting") as update:
        completed = model.sample(
            evidence=start.repeat(completions),
            context=None if contexts is None else contexts.repeat_interleave(completions, dim=0),
            generator=generator,
            method=known_method(method),
            record=record,
            progress=lambda done, total: update(done, total, f"step {done}/{total}"),
        )
    by_event = completed.unflatten(0, (len(original), completions)).cpu()
    write(path, lambda: plotting.inpainting(original, start, by_event), by_event, model.event_shape)
    output.say(f"{len(original)} events, {completions} completions each, in {path} ({record})")
    shape = list(by_event.shape)
    how = {"method": record.method, "passes": record.passes}
    counts = {"events": len(original), "known": int(known.sum())}
    output.result({"run": str(run), **counts, "shape": shape, "path": str(path), **how})


def _known(evidence: str | None, mask: Path | None, event_shape: tuple[int, ...], generator: Generator) -> Tensor:
    """The mask of what is known, from one of the two options."""
    import tensorar

    if mask is None:
        return tensorar.region(evidence or _usual_region(event_shape), event_shape, generator)
    if evidence is not None:
        raise tensorar.TensorarError(
            expected="either --evidence or --mask", got="both", remedy="leave one out, or draw the region into the mask"
        )
    return _read_mask(mask, event_shape)


def _usual_region(event_shape: tuple[int, ...]) -> str:
    """The top half where there are rows, else the left half; where neither leaves anything to complete, by chance."""
    for name, axis in (("top half", -2), ("left half", -1)):
        if len(event_shape) >= -axis and event_shape[axis] > 1:
            return name
    return "random 0.5" if math.prod(event_shape) > 1 else "random 0"


def _read_mask(path: Path, event_shape: tuple[int, ...]) -> Tensor:
    import numpy as np
    import torch

    try:
        with path.open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except Exception as error:  # a damaged file makes numpy raise nearly anything
        raise _bad_mask(path, "an array from numpy.save", getattr(error, "strerror", None) or str(error)) from error
    if not isinstance(array, np.ndarray):
        raise _bad_mask(path, "one array from numpy.save", "an archive of arrays")
    if array.shape != event_shape:
        raise _bad_mask(path, f"of the event's shape {event_shape}", str(array.shape))
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise _bad_mask(path, "of truth values, or of 0 and 1", f"other values ({array.dtype})")
    return torch.from_numpy(array.astype(bool))


def _bad_mask(path: Path, expected: str, got: str) -> Exception:
    from tensorar import TensorarError

    return TensorarError(
        expected=f"the mask {path} to be {expected}",
        got=" ".join(got.split()).lower(),
        remedy="save one with numpy.save, true where known",
    )
