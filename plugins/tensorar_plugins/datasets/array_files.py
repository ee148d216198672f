"""Reading numpy's files: never unpickling, and with one line for whatever is wrong with them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from torch import Tensor

from tensorar import DataError, TensorarError

# torch computes with these; its own uint16 and uint32 do almost nothing
WIDER = {"uint16": np.int32, "uint32": np.int64, "bool": np.uint8}
TAKEN = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def expand(path: str | Path) -> Path:
    """A path with ``~`` and ``$VARIABLES`` replaced, as by a shell outside quotes. Raises ``DataError``.

    A file whose name is written so is taken as it is.
    """
    written, expanded = Path(path).expanduser(), Path(os.path.expandvars(path)).expanduser()
    if written.exists():
        return written
    unset = re.search(r"\$(\w+)", str(expanded))
    if unset is not None and not expanded.exists():
        raise DataError(
            expected=f"the environment variable {unset[1]}, which the path {path} names",
            got="none of that name",
            remedy=f"set it, as in: export {unset[1]}=FOLDER",
        )
    return expanded


def read_npy(path: str | Path) -> Tensor:
    """The array of a ``.npy`` file: ``(n, *event)``. Raises ``DataError``."""
    with _loaded(path) as array:
        if isinstance(array, NpzFile):
            raise DataError(
                expected=f"one array in {path}", got="an archive of arrays", remedy=f"write npz:path={path}"
            )
        return to_tensor(array, str(path))


@contextmanager
def open_npz(path: str | Path) -> Iterator[NpzFile]:
    """A ``.npz`` file to read arrays from. What goes wrong in the body is told as ``DataError``, too."""
    with _loaded(path) as file:
        if not isinstance(file, NpzFile):
            raise DataError(
                expected=f"an archive of arrays in {path}", got="one array", remedy=f"write npy:path={path}"
            )
        yield file


def read_packed(file: NpzFile, name: str, path: str | Path) -> Tensor:
    """Bits packed along axis 1, as bytes ``(n, *shape)``, the shape being another array. Raises ``DataError``."""
    if "shape" not in file:
        raise DataError(
            expected=f"an array named shape in {path}, the event's shape", got="none", remedy="save it with packed rows"
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


def to_tensor(array: np.ndarray, where: str) -> Tensor:
    """An array of events as a tensor of the same kind of number (booleans as bytes). Raises ``DataError``."""
    dtype = WIDER.get(array.dtype.name, array.dtype.newbyteorder("="))
    if np.dtype(dtype).name not in TAKEN:
        raise DataError(
            expected=f"integers of at most 63 bits, floats of at most 64, or booleans in {where}",
            got=str(array.dtype),
            remedy="save it as one of those",
        )
    if array.ndim == 0:
        raise DataError(
            expected=f"events along the first axis in {where}", got="a single number", remedy="add an axis of events"
        )
    return torch.from_numpy(np.array(array, dtype=dtype, order="C"))


@contextmanager
def _loaded(path: str | Path) -> Iterator[NpzFile | np.ndarray]:
    try:
        # given a path, numpy leaves a damaged archive open
        with expand(path).open("rb") as file:
            yield np.load(file, allow_pickle=False)
    except TensorarError:
        raise
    except Exception as error:  # a damaged file makes numpy and zipfile raise nearly anything
        raise DataError(
            expected=f"{path} to be a sound file of numpy arrays", got=_what(error), remedy=_remedy(error)
        ) from error


def _what(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if "Object arrays" in str(error):
        return "an array of Python objects"
    if "allow_pickle" in str(error):
        return "another kind of file"
    return " ".join(str(error).split()) or type(error).__name__


def _remedy(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the path"
    return "save it again with numpy.save or numpy.savez, as numbers"
