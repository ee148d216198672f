"""Read numpy files, without unpickling; every defect of a file is a one-line ``DataError``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Real, Shaped, UInt8
from torch import Tensor

from tensorar import DataError, TensorarError
from tensorar.utils.memory import require_memory
from tensorar.utils.npy_format import read_npy_array
from tensorar.utils.npz_archive import Archive
from tensorar.utils.reading import OpenFile, describe, open_file

# torch supports hardly any operation on its own uint16, uint32 and uint64
WIDENED_DTYPES = {"uint16": np.int32, "uint32": np.int64}
# dtypes of the same size, and the largest value that is the same in both
REINTERPRETED_DTYPES = {"bool": ("uint8", 1), "uint64": ("int64", 2**63 - 1)}
WHAT = "a valid .npy/.npz file"


def read_npy(path: str | Path) -> Real[Tensor, "n *event"]:
    """The array of a ``.npy`` file. Raises ``DataError``."""
    with _opened(path) as (file, is_archive):
        if is_archive:
            raise DataError(expected=f"one array in {path}", got="an archive of arrays", remedy=f"use npz:path={path}")
        return to_tensor(read_npy_array(file.data, file.size, str(path)), str(path))


@contextmanager
def open_npz(path: str | Path) -> Iterator[Archive]:
    """Open a ``.npz`` file to read arrays from. Errors in the body become ``DataError``, too."""
    with _opened(path) as (file, is_archive):
        if not is_archive:
            raise DataError(expected=f"an archive of arrays in {path}", got="one array", remedy=f"use npy:path={path}")
        yield Archive(file.data, file.size, path)


def read_packed(file: Archive, name: str, path: str | Path) -> UInt8[Tensor, "n *event"]:
    """Unpack bits packed along axis 1; the array ``shape`` holds the event's shape. Raises ``DataError``."""
    if "shape" not in file.names:
        raise DataError(
            expected=f"an array named shape in {path}",
            got="none",
            remedy="save the event's shape along with the packed bits",
        )
    sizes, rows = file.read("shape"), file.read(name)
    shape = tuple(sizes.ravel().tolist())
    count = math.prod(shape)
    width = -(-count // 8)
    if sizes.dtype.kind not in "iu":
        raise DataError(expected=f"integers in shape of {path}", got=str(sizes.dtype), remedy="save it as integers")
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != width or min(shape, default=1) < 1:
        raise DataError(
            expected=f"{name} of {path} to be bytes of shape (n, {width}), for events of shape {shape}",
            got=f"{rows.dtype} {rows.shape}",
            remedy="pack it with numpy.packbits(..., axis=1), or leave out packed",
        )
    require_memory(len(rows) * count, f"{len(rows) * count} bits as bytes, in {name} of {path}", error=DataError)
    return torch.from_numpy(np.unpackbits(rows, axis=1, count=count).reshape(len(rows), *shape))


def to_tensor(array: Shaped[np.ndarray, "..."], where: str) -> Real[Tensor, "n *event"]:
    """An array of events as a tensor of the same dtype, or one that torch supports and that holds the same values.

    The array's memory is used where possible. Raises ``DataError``.
    """
    if array.ndim == 0:
        raise DataError(
            expected=f"events along the first axis in {where}",
            got="a single number",
            remedy="add an axis for the events",
        )
    if array.dtype.name in REINTERPRETED_DTYPES:
        array = _reinterpret(array, where)
    return torch.from_numpy(np.ascontiguousarray(array, WIDENED_DTYPES.get(array.dtype.name, array.dtype)))


def _reinterpret(array: Shaped[np.ndarray, "..."], where: str) -> Shaped[np.ndarray, "..."]:
    """The same memory in another dtype. Raises ``DataError`` for values that this would change."""
    dtype, largest = REINTERPRETED_DTYPES[array.dtype.name]
    # Booleans in a file may be any bytes
    integers = array.view(f"u{array.itemsize}")
    if integers.size and integers.max() > largest:
        raise DataError(
            expected=f"{array.dtype} values up to {largest} in {where}",
            got=str(integers.max()),
            remedy="subtract a constant, or save it as numbers of another type",
        )
    return array.view(dtype)


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[OpenFile, bool]]:
    """An open file, and whether it is an archive."""
    with open_file(path, WHAT) as file, npy_errors(path):
        start = file.data.peek(8)[:8]
        if not start.startswith((b"PK", b"\x93NUMPY")):
            raise ValueError("an empty file" if not start else "a file of another kind")
        yield file, start.startswith(b"PK")


@contextmanager
def npy_errors(path: str | Path) -> Iterator[None]:
    """Raise ``DataError`` for the errors of numpy and zipfile, which may be any exception for a damaged file."""
    try:
        yield
    except TensorarError:
        raise
    except Exception as error:
        raise DataError(
            expected=f"{path} to be {WHAT}",
            got=describe(error),
            remedy="save it again with numpy.save or numpy.savez, as numbers",
        ) from error
