"""An array of the user's own in a zarr store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Real
from torch import Tensor

from tensorar import DataError, Splits, StoredEvents
from tensorar.utils.npy_format import READABLE_DTYPES
from tensorar.utils.reading import describe, expand, shorten
from tensorar_plugins.datasets.array_files import to_tensor
from tensorar_plugins.datasets.npy import MAX_BYTES_IN_MEMORY
from tensorar_plugins.datasets.splitting import SplitArrays


@dataclass(frozen=True, kw_only=True)
class Zarr(SplitArrays):
    """Your own array from a zarr store, with events along the first axis; shuffled and split.

    Needs ``pip install tensorar[zarr]``. More than 268 MB stay in the store, from which the events of each batch are
    read: store few events in a chunk, since a chunk is decompressed for each event that is drawn from it.

    Options:
        path: Folder of the store; ``~`` and ``$VARIABLES`` are expanded.
        key: Name of the array, in a store that is a group (none: its only array).
    """

    name = "zarr"
    file_endings = (".zarr",)
    key: str | None = None

    def load(self) -> Splits:
        events = ZarrEvents(_open_array(self.path, self.key), self.path)
        size = events.array.size * events.array.dtype.itemsize
        return self.split_all(events[:] if size <= MAX_BYTES_IN_MEMORY else events)

    @classmethod
    def folder_hint(cls, path: Path) -> str:
        return "a zarr store" if any((path / name).exists() for name in (".zarray", ".zgroup", "zarr.json")) else ""

    @property
    def file_dtype(self) -> str:
        return str(_open_array(self.path, self.key).dtype.name)


class ZarrEvents(StoredEvents):
    """The events of a zarr array."""

    def __init__(self, array: Any, path: str | Path) -> None:
        self.array, self.path = array, path
        if array.dtype.name not in READABLE_DTYPES or not array.shape:
            raise DataError(
                expected=f"an array of integers, floats or booleans, with events along the first axis, in {path}",
                got=f"shape {array.shape} of {shorten(str(array.dtype), 80)}",
                remedy="convert it, or name another array with key=NAME",
            )
        empty = to_tensor(np.empty((0, *array.shape[1:]), array.dtype), str(path))
        super().__init__(tuple(array.shape), empty.dtype)

    def read(self, rows: Int[Tensor, " some"]) -> Real[Tensor, "some *event"]:
        """Some events by number, the chunks that hold them in ascending order."""
        wanted, places = np.unique(rows.numpy(), return_inverse=True)
        try:
            found = self.array.get_orthogonal_selection((wanted,)) if len(wanted) else self.array[:0]
        except Exception as error:  # a damaged chunk raises the errors of its codec
            raise _unreadable(self.path, error) from error
        return to_tensor(np.asarray(found)[places], str(self.path))


def _open_array(path: str | Path, key: str | None) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise DataError(
            expected="the package zarr, to read zarr stores",
            got="no such package",
            remedy="pip install tensorar[zarr]",
        ) from error
    try:
        found = zarr.open(str(expand(path)), mode="r")
    except DataError:
        raise
    except Exception as error:  # stores that are damaged, or none
        raise _unreadable(path, error) from error
    return found if isinstance(found, zarr.Array) else _member(found, path, key)


def _member(group: Any, path: str | Path, key: str | None) -> Any:
    arrays = dict(group.arrays())
    name = next(iter(arrays)) if key is None and len(arrays) == 1 else key
    if name not in arrays:
        raise DataError(
            expected=f"an array named {key} in {path}" if key else f"one array in {path}",
            got=shorten(", ".join(sorted(arrays)), 200) or "no arrays",
            remedy="name the array to use with key=NAME",
        )
    return arrays[name]


def _unreadable(path: str | Path, error: Exception) -> DataError:
    return DataError(
        expected=f"{path} to be a zarr store", got=describe(error), remedy="check the path, or write the store again"
    )
