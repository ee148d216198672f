"""The IDX format of MNIST: a magic number, the sizes of the axes, and numbers of one type."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Real
from torch import Tensor

from tensorar import DataError
from tensorar.utils.reading import OpenFile, describe, open_file, read_array
from tensorar_plugins.datasets.fetch import repair_advice

UNSIGNED_BYTE = 8
DTYPES = {UNSIGNED_BYTE: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
# what numpy 1 supports
MAX_AXES = 32
WHAT = "readable, and valid gzip if it is compressed"


def read_idx(path: Path, *, byte_axes: int | None = None) -> Real[Tensor, "n *event"]:
    """The array of an IDX file, gzipped or not, in its own dtype; with ``byte_axes`` only bytes of so many axes.

    Raises ``DataError`` before memory is taken if the header does not fit the size of the file.
    """
    with open_file(path, WHAT, decompress=True) as file:
        try:
            return _read(file, path, byte_axes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            cut = isinstance(error, EOFError)
            raise DataError(
                expected=f"{path} to be {WHAT}",
                got="a compressed file that ends too early" if cut else describe(error),
                remedy=repair_advice(path),
            ) from error


def _read(file: OpenFile, path: Path, byte_axes: int | None) -> Real[Tensor, "n *event"]:
    dtype, shape = _read_header(file, path, byte_axes)
    header, count = 4 + 4 * len(shape), math.prod(shape)
    size = header + count * dtype.itemsize
    if size > file.size or (size != file.size and not file.compressed):
        raise _wrong_size(path, f"{size} bytes", f"at most {file.size}" if file.compressed else str(file.size))
    array, found = read_array(file.data, dtype, count, str(path))
    if found != count * dtype.itemsize:
        raise _wrong_size(path, f"{size} bytes", str(header + found))
    # at its end a gzip file has a checksum, which is verified by reading on
    if file.data.read(1):
        raise _wrong_size(path, f"{size} bytes", "more")
    return torch.from_numpy(array.reshape(shape))


def _read_header(file: OpenFile, path: Path, byte_axes: int | None) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    magic = file.data.read(4)
    if len(magic) < 4:
        raise _wrong_size(path, "at least 8 bytes", str(len(magic)))
    _, _, code, axes = magic
    right = magic == bytes([0, 0, UNSIGNED_BYTE, byte_axes]) if byte_axes else magic[:2] == b"\0\0" and code in DTYPES
    if not right or not 1 <= axes <= MAX_AXES:
        raise _wrong_kind(path, magic, byte_axes)
    sizes = file.data.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise _wrong_size(path, f"at least {4 + 4 * axes} bytes", str(4 + len(sizes)))
    return np.dtype(DTYPES[code]), struct.unpack(f">{axes}I", sizes)


def _wrong_kind(path: Path, magic: bytes, byte_axes: int | None) -> DataError:
    expected = f"with 1 to {MAX_AXES} axes (00 00 08 to 0e, number of axes)"
    if byte_axes is not None:
        expected = f"of bytes with {byte_axes} axes (00 00 08 {byte_axes:02d})"
    is_other_idx = byte_axes is not None and magic[:2] == b"\0\0" and magic[2] in DTYPES
    return DataError(
        expected=f"{path} to be an IDX file {expected}",
        got=f"a file starting with {magic.hex(' ')}",
        remedy="use idx:path=FILE, which takes every type and number of axes" if is_other_idx else repair_advice(path),
    )


def _wrong_size(path: Path, expected: str, got: str) -> DataError:
    return DataError(expected=f"{expected} in {path}", got=got, remedy=repair_advice(path))
