"""The kinds of files that are compressed and come back as they were."""

from __future__ import annotations

from pathlib import Path

from tensorar.errors import TensorarError
from tensorar.runs.run import Run
from tensorar.utils.reading import expand
from tensorar.workflows.source_files.arrays import NpyFile, NpzFile
from tensorar.workflows.source_files.pictures import Pictures
from tensorar.workflows.source_files.source import REST, Source, SourceKind
from tensorar.workflows.source_files.tables import TableFile

KINDS: tuple[SourceKind, ...] = (NpyFile(), NpzFile(), Pictures(), TableFile())

__all__ = ["KINDS", "REST", "Source", "SourceKind", "read_source"]


def read_source(run: Run, path: str | Path) -> Source:
    """The events of a file of the user's, for a run. Raises ``TensorarError``."""
    located = expand(path)
    kind = next((kind for kind in KINDS if kind.accepts(run, located)), None)
    if kind is None:
        raise TensorarError(
            expected="a .npy or .npz file, a picture or a folder of them, or a table of a run that was trained on one",
            got=str(path),
            remedy="save the events as an array (.npy)",
        )
    return kind.read(run, located)
