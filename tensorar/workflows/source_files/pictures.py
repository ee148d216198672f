"""Pictures, one or a folder of them: written as PNG files with the very same pixels."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tensorar.errors import DataError, TensorarError
from tensorar.runs.run import Run
from tensorar.utils.files import write_atomically
from tensorar.utils.reading import is_picture, shorten, visible_files
from tensorar.workflows.source_files.source import Source, SourceKind, require_ending

MAX_NAMED = 3


class Pictures(SourceKind):
    """A picture, or all pictures in a folder and in its folders, which are classes if the run has any."""

    name = "pictures"

    def accepts(self, run: Run, path: Path) -> bool:
        """Whether this is the kind of a file that exists."""
        return is_picture(path) or (path.is_dir() and bool(_files(path)))

    def read(self, run: Run, path: Path) -> Source:
        """The events of a file. Raises ``TensorarError``."""
        files = _files(path) if path.is_dir() else [path]
        events = torch.cat([_read(run, file) for file in files])
        contexts = None
        if run.context_features and path.is_dir():
            contexts = torch.stack([run.parse_context(file.parent.name) for file in files])
        names = _names([file.relative_to(path) if path.is_dir() else Path(file.name) for file in files])
        other = sorted({file.suffix.lower() for file in files} - {".png"})
        notes = (f"{', '.join(other)} files come back as .png, with the same pixels",) if other else ()
        form = {"kind": self.name, "names": names, "folder": path.is_dir()}
        return Source(events, contexts, form, notes=notes)

    def check_out(self, form: Mapping[str, Any], out: Path) -> None:
        """Raise ``TensorarError`` for a path of another kind."""
        if not form["folder"]:
            require_ending(out, ".png")
        elif out.suffix or out.is_file():
            raise TensorarError(
                expected="`out` to name a folder, as was compressed", got=repr(str(out)), remedy="leave out the ending"
            )

    def write(self, run: Run, source: Source, out: Path) -> None:
        """Write a file of the same kind."""
        from tensorar import plotting

        limits = plotting.picture_limits(run.head, source.events)
        for event, name, kept in zip(source.events, source.form["names"], source.kept.tolist(), strict=True):
            if not kept:
                continue
            path = out / _safe(name) if source.form["folder"] else out
            write_atomically(path, plotting.event_png(event, axes=run.axes, limits=limits))


def _files(folder: Path) -> list[Path]:
    return [path for path in visible_files(folder) if is_picture(path)]


def _read(run: Run, path: Path) -> Tensor:
    """The event of a picture. Raises ``DataError`` if its pixels are not those of the file."""
    from tensorar import plotting

    found = run.unchecked_dataset.read_events(path, run.event_shape)
    limits = plotting.picture_limits(run.head, found.events)
    written = plotting.event_png(found.events[0], axes=run.axes, limits=limits)
    if found.known is not None or not _same_pixels(path, written):
        raise DataError(
            expected=f"a picture with the size and the levels of the run's events, {run.event_shape}, in {path}",
            got="; ".join(found.notes) or "other pixels than the event has",
            remedy="convert it first: what comes back are the values that the run sees",
        )
    return found.events


def _same_pixels(path: Path, written: bytes) -> bool:
    from PIL import Image

    with Image.open(BytesIO(written)) as ours, Image.open(path) as theirs:
        converted = theirs if theirs.mode == ours.mode or "I" in theirs.mode else theirs.convert(ours.mode)
        return bool(np.array_equal(np.asarray(ours), np.asarray(converted)))


def _names(paths: list[Path]) -> list[str]:
    """The names of the PNG files, with the former ending where two would be the same."""
    names = [path.with_suffix(".png").as_posix() for path in paths]
    return [
        name if names.count(name) == 1 else f"{path.as_posix()}.png" for name, path in zip(names, paths, strict=True)
    ]


def _safe(name: str) -> Path:
    """A path within the folder. Raises ``DataError`` for others."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.endswith(".png"):
        raise DataError(
            expected="names of pictures within a folder", got=repr(shorten(name, 60)), remedy="get the file again"
        )
    return Path(path)
