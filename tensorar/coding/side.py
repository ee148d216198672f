"""What the decoder must know besides the symbols: contexts, and which values are missing; compressed by LZMA."""

from __future__ import annotations

import lzma
import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tensorar.errors import DataError

CONTEXTS, MISSING = "contexts.xz", "missing.xz"


def pack_contexts(contexts: Float[Tensor, "n context"]) -> bytes:
    """Contexts in float32, as they are given to networks or narrower."""
    return lzma.compress(contexts.float().cpu().contiguous().numpy().astype("<f4").tobytes())


def unpack_contexts(content: bytes, n: int, size: int) -> Float[Tensor, "n context"]:
    """The contexts of ``n`` events. Raises ``DataError``."""
    numbers = np.frombuffer(decompress(content, 4 * n * size, CONTEXTS), "<f4").astype(np.float32)
    return torch.from_numpy(numbers.reshape(n, size))


def pack_missing(known: Bool[Tensor, "n *event"]) -> bytes:
    """A bit for each value."""
    return lzma.compress(np.packbits(~known.cpu().numpy()).tobytes())


def unpack_missing(content: bytes, shape: tuple[int, ...]) -> Bool[Tensor, "n *event"]:
    """Which values are known. Raises ``DataError``."""
    count = math.prod(shape)
    bits = np.frombuffer(decompress(content, -(-count // 8), MISSING), np.uint8)
    return ~torch.from_numpy(np.unpackbits(bits, count=count).astype(bool).reshape(shape))


def decompress(content: bytes, size: int, name: str) -> bytes:
    """Exactly ``size`` bytes; no more are ever held. Raises ``DataError`` for others."""
    try:
        found = lzma.LZMADecompressor(memlimit=2**28).decompress(content, max_length=size + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise _damaged(name) from error
    if len(found) != size:
        raise _damaged(name)
    return found


def _damaged(name: str) -> DataError:
    return DataError(
        expected=f"the member {name} as it was written", got="another one", remedy="get the file again, or another copy"
    )
