"""Large ``.npy`` files, alone or as the shards of a folder, read event by event."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Real, Shaped
from torch import Tensor

from tensorar import DataError, StoredEvents
from tensorar.utils.npy_format import NpyHeader, read_npy_header
from tensorar.utils.reading import expand, open_file
from tensorar_plugins.datasets.array_files import WHAT, npy_errors, to_tensor


@dataclass(frozen=True)
class NpyFile:
    """One file: its header, where its numbers begin, and what tells whether it was changed since."""

    path: Path
    header: NpyHeader
    start: int
    changed: int

    @classmethod
    def open(cls, path: str | Path) -> NpyFile:
        """The header of a file, compared with its size. Raises ``DataError``."""
        with open_file(path, WHAT) as file, npy_errors(path):
            header = read_npy_header(file.data, file.size, str(path))
            return cls(expand(path), header, file.data.tell(), os.fstat(file.data.fileno()).st_mtime_ns)


def npy_dtype(path: str | Path) -> str:
    """The dtype of the numbers in a file, or of the first one in a folder. Raises ``DataError``."""
    located = expand(path)
    file = shards(located)[0] if os.path.isdir(located) else NpyFile.open(path)  # noqa: PTH112 - see Npy
    return file.header.dtype.name


class NpyEvents(StoredEvents):
    """The events of files of one shape and dtype, one file after another.

    Events are read into memory of their own, so that what a process holds is bounded by its batches; the system's cache
    of the files is shared by all processes.
    """

    def __init__(self, files: list[NpyFile]) -> None:
        self.files = files
        self.starts = np.cumsum([0, *(file.header.shape[0] for file in files)])
        self.event_shape = files[0].header.shape[1:]
        self.numbers = np.dtype(files[0].header.dtype)
        empty = to_tensor(np.empty((0, *self.event_shape), self.numbers.newbyteorder("=")), str(files[0].path))
        super().__init__((int(self.starts[-1]), *self.event_shape), empty.dtype)

    def read(self, rows: Int[Tensor, " some"]) -> Real[Tensor, "some *event"]:
        array = np.empty((len(rows), *self.event_shape), self.numbers)
        wanted = rows.numpy()
        file_of_row = np.searchsorted(self.starts, wanted, side="right") - 1
        for number in np.unique(file_of_row).tolist():
            places = np.flatnonzero(file_of_row == number)
            self._read_from(self.files[number], wanted[places] - self.starts[number], places, array)
        native = array.astype(self.numbers.newbyteorder("="), copy=False)
        return to_tensor(native, str(self.files[0].path))

    def _read_from(
        self, file: NpyFile, rows: Int[np.ndarray, " some"], places: Int[np.ndarray, " some"], array: Shaped[Any, "..."]
    ) -> None:
        """Read events of one file into their places; neighbors at once."""
        data = array.reshape(len(array), -1).view(np.uint8)
        breaks = np.flatnonzero((np.diff(rows) != 1) | (np.diff(places) != 1)) + 1
        bounds = [0, *breaks.tolist(), len(rows)]
        with open_file(file.path, WHAT) as opened:
            descriptor = opened.data.fileno()
            self._require_unchanged(file, descriptor)
            for first, last in pairwise(bounds):
                into = data[places[first] : places[first] + last - first]
                offset = file.start + int(rows[first]) * data.shape[1]
                if _read_into(descriptor, memoryview(into.reshape(-1)), offset) != into.size:
                    raise _changed(file.path, "a shorter file")

    def _require_unchanged(self, file: NpyFile, descriptor: int) -> None:
        if os.fstat(descriptor).st_mtime_ns != file.changed:
            raise _changed(file.path, "another file, written since")


def _read_into(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill a buffer from a place in a file; return how many bytes there were."""
    done = 0
    while done < len(buffer) and (count := os.preadv(descriptor, [buffer[done:]], offset + done)):
        done += count
    return done


def _changed(path: Path, got: str) -> DataError:
    return DataError(
        expected=f"{path} to stay as it was when it was opened",
        got=got,
        remedy="start again, on a file that is complete",
    )


def shards(folder: Path) -> list[NpyFile]:
    """The ``.npy`` files of a folder in the order of their names, of one shape of events and one dtype.

    Raises ``DataError``.
    """
    files = [NpyFile.open(path) for path in sorted(folder.glob("*.npy"))]
    if not files:
        raise DataError(expected=f".npy files in the folder {folder}", got="none", remedy="check the path")
    first = files[0].header
    for file in files:
        header = file.header
        if (
            not header.shape
            or header.shape[1:] != first.shape[1:]
            or header.dtype != first.dtype
            or header.fortran_order
        ):
            order = " in Fortran's order" if header.fortran_order else ""
            raise DataError(
                expected=f"events of shape {first.shape[1:]} of {first.dtype} in {file.path}, as in {files[0].path}",
                got=f"an array of shape {header.shape} of {header.dtype}{order}",
                remedy="save all shards with one shape of events, one type and C's order (numpy.ascontiguousarray)",
            )
    return files
