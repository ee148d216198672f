"""Writing events as a picture or as numbers, by the ending of the path."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from torch import Tensor


def write_events(path: Path, events: Tensor, means: Tensor | None = None) -> Path:
    """Write events (and beside them the means they were drawn from) to a .png, .npy or .csv file."""
    writers = {".png": _picture, ".npy": _npy, ".csv": _csv}
    if path.suffix not in writers:
        raise typer.BadParameter(f"expected --out to end in {', '.join(writers)}, got {str(path)!r}")
    writers[path.suffix](path, events.cpu(), None if means is None else means.cpu())
    return path


def _picture(path: Path, events: Tensor, means: Tensor | None) -> None:
    from tensorar import pictures

    figure = pictures.event_grid(events) if means is None else pictures.samples_with_probabilities(events, means)
    pictures.save(figure, path)


def _npy(path: Path, events: Tensor, means: Tensor | None) -> None:
    import numpy as np

    from tensorar.files import write_atomically

    for name, values in _named(path, events, means):
        buffer = io.BytesIO()
        np.save(buffer, values.numpy())
        write_atomically(name, buffer.getvalue())


def _csv(path: Path, events: Tensor, means: Tensor | None) -> None:
    from tensorar import flatten_events
    from tensorar.files import write_atomically

    for name, values in _named(path, events, means):
        rows = [",".join(f"{v:.9g}" for v in row) for row in flatten_events(values).tolist()]
        write_atomically(name, ("\n".join(rows) + "\n").encode())


def _named(path: Path, events: Tensor, means: Tensor | None) -> list[tuple[Path, Tensor]]:
    named = [(path, events)]
    return named if means is None else [*named, (path.with_stem(path.stem + "-probabilities"), means)]
