"""The format of ``.npy`` files: a header, which is parsed without unpickling, and an array of the size it gives."""

from __future__ import annotations

import math
import struct
import warnings
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy

from tensorar.errors import DataError
from tensorar.utils.reading import read_array, shorten

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
READABLE_DTYPES = ("bool", *INTEGERS, "float16", "float32", "float64")
MAX_HEADER_BYTES = 10_000
# versions of the format: the type of the header's length, and numpy's parser
VERSIONS = {(1, 0): ("<H", npy.read_array_header_1_0), (2, 0): ("<I", npy.read_array_header_2_0)}


@dataclass(frozen=True)
class NpyHeader:
    """What the header of a file says: the shape, the order of the numbers (Fortran's or C's), and their type."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """The size of all numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_array(file: BufferedIOBase, size: int, where: str, *, texts: bool = False) -> Shaped[np.ndarray, "..."]:
    """The array in a file of ``size`` bytes. Raises ``DataError`` before reading if the header does not fit the size.

    Text is read only with ``texts``. Damaged headers raise almost any exception.
    """
    header = read_npy_header(file, size, where, texts=texts)
    array, found = read_array(file, header.dtype, math.prod(header.shape), where)
    # the end of a zip member is where its checksum is verified
    if found != header.bytes or file.read(1):
        raise _wrong_size(where, header, found)
    return array.reshape(header.shape[::-1]).T if header.fortran_order else array.reshape(header.shape)


def read_npy_header(file: BufferedIOBase, size: int, where: str, *, texts: bool = False) -> NpyHeader:
    """The header of a file of ``size`` bytes, which is then at its first number.

    Raises ``DataError`` for a size that the numbers do not have; damaged headers raise almost any exception.
    """
    header = NpyHeader(*_read_header(file))
    if not (texts and header.dtype.kind in "US" and header.dtype.itemsize):
        _check_dtype(header.dtype, where)
    if min(header.shape, default=0) < 0:
        raise ValueError(f"a negative size in the shape {header.shape}")
    left = size - file.tell()
    if header.bytes != left:
        raise _wrong_size(where, header, left)
    return header


def _check_dtype(dtype: np.dtype[Any], where: str) -> None:
    """Raise ``DataError`` for anything but integers, floats of at most 64 bits and booleans."""
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    if dtype.name not in READABLE_DTYPES:
        raise DataError(
            expected=f"integers of at most 63 bits, floats of at most 64, or booleans in {where}",
            got=shorten(str(dtype), 80),
            remedy="convert it to one of these",
        )


def _read_header(file: BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    start = file.read(npy.MAGIC_LEN)
    if not start.startswith(npy.MAGIC_PREFIX):
        raise ValueError("an archive of arrays" if start.startswith(b"PK") else "a file of another kind")
    version = (start[-2], start[-1]) if len(start) == npy.MAGIC_LEN else (0, 0)
    if version not in VERSIONS:
        raise ValueError("an array of records" if version == (3, 0) else f"version {version[0]}.{version[1]}")
    length_type, parse = VERSIONS[version]
    length = file.read(struct.calcsize(length_type))
    (count,) = struct.unpack(length_type, length)
    if count > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {count} bytes")
    with warnings.catch_warnings():
        # numpy remarks on files written by Python 2
        warnings.simplefilter("ignore")
        try:
            return parse(BytesIO(length + file.read(count)))
        except Exception as error:  # numpy evaluates the header as Python
            raise ValueError("an invalid header") from error


def _wrong_size(where: str, header: NpyHeader, got: int) -> DataError:
    return DataError(
        expected=f"{header.bytes} bytes in {where}, as its header gives it shape {shorten(str(header.shape), 80)} of "
        f"{header.dtype.name}",
        got=f"{got} bytes",
        remedy="save it again with numpy.save or numpy.savez",
    )
