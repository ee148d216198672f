"""Read numpy files, without unpickling; every defect of a file is a one-line ``DataError``."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Real, Shaped, UInt8
from numpy.lib.npyio import NpzFile
from torch import Tensor

from tensorar import DataError, TensorarError

# torch supports hardly any operation on its own uint16 and uint32
WIDENED_DTYPES: dict[str, type[np.generic]] = {"uint16": np.int32, "uint32": np.int64, "bool": np.uint8}
SUPPORTED_DTYPES = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def expand(path: str | Path) -> Path:
    """Expand ``~`` and ``$VARIABLES`` in a path, as a shell does, unless a file of the literal name exists.

    Raises ``DataError`` for a variable that is not set.
    """
    literal, expanded = Path(path).expanduser(), Path(os.path.expandvars(path)).expanduser()
    if literal.exists():
        return literal
    unset = re.search(r"\$(\w+)", str(expanded))
    if unset is not None and not expanded.exists():
        raise DataError(
            expected=f"the environment variable {unset[1]}, used in the path {path}",
            got="no such variable",
            remedy=f"set it: export {unset[1]}=FOLDER",
        )
    return expanded


def read_npy(path: str | Path) -> Real[Tensor, "n *event"]:
    """The array of a ``.npy`` file. Raises ``DataError``."""
    with _loaded(path) as array:
        if isinstance(array, NpzFile):
            raise DataError(expected=f"one array in {path}", got="an archive of arrays", remedy=f"use npz:path={path}")
        return to_tensor(array, str(path))


@contextmanager
def open_npz(path: str | Path) -> Iterator[NpzFile]:
    """Open a ``.npz`` file to read arrays from. Errors in the body become ``DataError``, too."""
    with _loaded(path) as file:
        if not isinstance(file, NpzFile):
            raise DataError(expected=f"an archive of arrays in {path}", got="one array", remedy=f"use npy:path={path}")
        yield file


def read_packed(file: NpzFile, name: str, path: str | Path) -> UInt8[Tensor, "n *event"]:
    """Unpack bits packed along axis 1; the array ``shape`` holds the event's shape. Raises ``DataError``."""
    if "shape" not in file:
        raise DataError(
            expected=f"an array named shape in {path}",
            got="none",
            remedy="save the event's shape along with the packed bits",
        )
    shape = tuple(int(size) for size in file["shape"].ravel())
    rows, count = file[name], math.prod(shape)
    width = -(-count // 8)
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != width or min(shape, default=1) < 1:
        raise DataError(
            expected=f"{name} of {path} to be bytes of shape (n, {width}), for events of shape {shape}",
            got=f"{rows.dtype} {rows.shape}",
            remedy="pack it with numpy.packbits(..., axis=1), or leave out packed",
        )
    return torch.from_numpy(np.unpackbits(rows, axis=1, count=count).reshape(len(rows), *shape))


def to_tensor(array: Shaped[np.ndarray, "..."], where: str) -> Real[Tensor, "n *event"]:
    """An array of events as a tensor of the same dtype, or a wider one that torch supports. Raises ``DataError``."""
    dtype: Any = WIDENED_DTYPES.get(array.dtype.name, array.dtype.newbyteorder("="))
    if np.dtype(dtype).name not in SUPPORTED_DTYPES:
        raise DataError(
            expected=f"integers of at most 63 bits, floats of at most 64, or booleans in {where}",
            got=str(array.dtype),
            remedy="convert it to one of these",
        )
    if array.ndim == 0:
        raise DataError(
            expected=f"events along the first axis in {where}",
            got="a single number",
            remedy="add an axis for the events",
        )
    return torch.from_numpy(np.array(array, dtype=dtype, order="C"))


@contextmanager
def _loaded(path: str | Path) -> Iterator[NpzFile | Shaped[np.ndarray, "..."]]:
    try:
        # numpy would leave a damaged archive open if it was passed the path
        with expand(path).open("rb") as file:
            yield np.load(file, allow_pickle=False)
    except TensorarError:
        raise
    except Exception as error:  # numpy and zipfile raise almost any exception for a damaged file
        raise DataError(
            expected=f"{path} to be a valid .npy/.npz file", got=_describe(error), remedy=_remedy(error)
        ) from error


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if "Object arrays" in str(error):
        return "an array of Python objects"
    if "allow_pickle" in str(error):
        return "a file of another kind"
    return " ".join(str(error).split()) or type(error).__name__


def _remedy(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the path"
    return "save it again with numpy.save or numpy.savez, as numbers"
