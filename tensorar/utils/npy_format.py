"""The format of ``.npy`` files: a header, which is parsed without unpickling, and an array of the size it gives."""

from __future__ import annotations

import math
import struct
import warnings
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


def read_npy_array(file: BufferedIOBase, size: int, where: str) -> Shaped[np.ndarray, "..."]:
    """The array in a file of ``size`` bytes. Raises ``DataError`` before reading if the header does not fit the size.

    Damaged headers raise almost any exception.
    """
    shape, fortran_order, dtype = _read_header(file)
    _check_dtype(dtype, where)
    if min(shape, default=0) < 0:
        raise ValueError(f"a negative size in the shape {shape}")
    claimed, left = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed != left:
        raise _wrong_size(where, shape, dtype, claimed, left)
    array, found = read_array(file, dtype, math.prod(shape), where)
    # the end of a zip member is where its checksum is verified
    if found != claimed or file.read(1):
        raise _wrong_size(where, shape, dtype, claimed, found)
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


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


def _wrong_size(where: str, shape: tuple[int, ...], dtype: np.dtype[Any], claimed: int, got: int) -> DataError:
    return DataError(
        expected=f"{claimed} bytes in {where}, as its header gives it shape {shorten(str(shape), 80)} of {dtype.name}",
        got=f"{got} bytes",
        remedy="save it again with numpy.save or numpy.savez",
    )
