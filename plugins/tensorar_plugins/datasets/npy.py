"""One array of the user's own, in a file or in the shards of a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tensorar import Splits
from tensorar.utils.reading import expand
from tensorar_plugins.datasets.array_files import read_npy
from tensorar_plugins.datasets.npy_files import NpyEvents, NpyFile, npy_dtype, shards
from tensorar_plugins.datasets.splitting import SplitArrays

# larger files stay on disk, and their events are read batch by batch
MAX_BYTES_IN_MEMORY = 2**28


@dataclass(frozen=True, kw_only=True)
class Npy(SplitArrays):
    """Your own array from a .npy file, or a folder of them, with events along the first axis; shuffled and split.

    The dtype is kept, so that bits, levels and real numbers each get a suitable head. More than 268 MB stay in the
    files, from which the events of each batch are read.

    Options:
        path: File to read, or a folder whose ``.npy`` files hold events of one shape and type, in the order of their
            names; ``~`` and ``$VARIABLES`` are expanded.
    """

    name = "npy"
    file_endings = (".npy",)

    def load(self) -> Splits:
        located = expand(self.path)
        if os.path.isdir(located):  # noqa: PTH112 - False for impossible paths, too
            return self._split(shards(located))
        if os.path.isfile(located) and located.stat().st_size > MAX_BYTES_IN_MEMORY:  # noqa: PTH113
            file = NpyFile.open(self.path)
            # an event of an array in Fortran's order lies all over the file
            if not file.header.fortran_order:
                return self._split([file])
        return self.split_all(read_npy(self.path))

    @classmethod
    def folder_hint(cls, path: Path) -> str:
        return "each file has events along its first axis" if any(path.glob("*.npy")) else ""

    @property
    def file_dtype(self) -> str:
        return npy_dtype(self.path)

    def _split(self, files: list[NpyFile]) -> Splits:
        events = NpyEvents(files)
        in_memory = sum(file.header.bytes for file in files) <= MAX_BYTES_IN_MEMORY
        return self.split_all(events[:] if in_memory else events)
