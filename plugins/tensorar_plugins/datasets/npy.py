"""One array of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tensorar import FileEvents, Splits
from tensorar_plugins.datasets.array_files import read_npy
from tensorar_plugins.datasets.splitting import SplitArrays
from tensorar_plugins.datasets.user_events import as_events, is_picture, read_picture


@dataclass(frozen=True, kw_only=True)
class Npy(SplitArrays):
    """Your own array from a .npy file, with events along the first axis; shuffled and split.

    The dtype is kept, so that bits, levels and real numbers each get a suitable head.
    """

    name = "npy"

    def load(self) -> Splits:
        return self.split_all(read_npy(self.path))

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        if is_picture(path):
            return read_picture(self, path, event_shape, mask)
        return as_events(read_npy(path), event_shape, path)
