"""IDX files, the format of MNIST: a magic number, the sizes of the axes, and bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from tensorar import DataError
from tensorar_plugins.datasets.fetch import DOWNLOAD_AGAIN

GZIP, UNSIGNED_BYTE = b"\x1f\x8b", 8


def read_idx(path: Path, axes: int) -> UInt8[Tensor, "..."]:
    """The bytes of an IDX file with ``axes`` axes, gzipped or not. Raises ``DataError``."""
    data = _contents(path)
    header = 4 + 4 * axes
    if len(data) < header:
        raise _wrong_size(path, header, len(data), "at least ")
    if data[:4] != bytes([0, 0, UNSIGNED_BYTE, axes]):
        raise DataError(
            expected=f"{path} to be an IDX file of bytes with {axes} axes (00 00 08 {axes:02d})",
            got=f"a file starting with {data[:4].hex(' ')}",
            remedy=DOWNLOAD_AGAIN,
        )
    shape = struct.unpack(f">{axes}I", data[4:header])
    if len(data) != header + math.prod(shape):
        raise _wrong_size(path, header + math.prod(shape), len(data))
    # a copy, because torch warns about read-only memory
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy())


def _wrong_size(path: Path, expected: int, got: int, at_least: str = "") -> DataError:
    return DataError(expected=f"{at_least}{expected} bytes in {path}", got=str(got), remedy=DOWNLOAD_AGAIN)


def _contents(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return _decompress(data) if data.startswith(GZIP) else data
    except (OSError, zlib.error) as error:
        raise DataError(
            expected=f"{path} to be readable, and valid gzip if it is compressed",
            got=str(error).splitlines()[0],
            remedy=DOWNLOAD_AGAIN,
        ) from error


def _decompress(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except EOFError:
        # the readable part, so that the error reports how much is missing
        return zlib.decompressobj(wbits=31).decompress(data)
