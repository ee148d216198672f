"""The IDX files of MNIST and its kin: a magic number, the sizes of the axes, and bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tensorar import DataError
from tensorar_plugins.datasets.fetch import AGAIN

GZIP, UNSIGNED_BYTE = b"\x1f\x8b", 8


def read_idx(path: Path, axes: int) -> Tensor:
    """The bytes of an IDX file with so many axes, compressed or not: a uint8 tensor. Raises ``DataError``."""
    data = _contents(path)
    header = 4 + 4 * axes
    if len(data) < header:
        raise _wrong_size(path, header, len(data), "at least ")
    if data[:4] != bytes([0, 0, UNSIGNED_BYTE, axes]):
        raise DataError(
            expected=f"{path} to be an IDX file of bytes with {axes} axes (00 00 08 {axes:02d})",
            got=f"a file that starts with {data[:4].hex(' ')}",
            remedy=AGAIN,
        )
    shape = struct.unpack(f">{axes}I", data[4:header])
    if len(data) != header + math.prod(shape):
        raise _wrong_size(path, header + math.prod(shape), len(data))
    # a copy, since torch warns of memory that it may not write to
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy())


def _wrong_size(path: Path, expected: int, got: int, least: str = "") -> DataError:
    return DataError(expected=f"{least}{expected} bytes in {path}", got=str(got), remedy=AGAIN)


def _contents(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return _inflated(data) if data.startswith(GZIP) else data
    except (OSError, zlib.error) as error:
        raise DataError(
            expected=f"{path} to be readable, and sound if compressed",
            got=str(error).splitlines()[0],
            remedy=AGAIN,
        ) from error


def _inflated(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except EOFError:
        # what there is, so that the error tells how much is missing
        return zlib.decompressobj(wbits=31).decompress(data)
