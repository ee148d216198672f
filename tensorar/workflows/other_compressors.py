"""What other lossless compressors that are installed make of the same events: one file for each, and all in one."""

from __future__ import annotations

import bz2
import io
import lzma
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Real, Shaped
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import TensorarError
from tensorar.utils.reading import escaped

# one file per event is measured for so many events, spread evenly
MAX_SINGLE_EVENTS, MAX_SINGLE_CALLS = 200, 20
# the largest picture that WebP takes
MAX_SIDE = 16383
Compress = Callable[[Shaped[np.ndarray, "..."]], bytes]


@dataclass(frozen=True)
class OtherSize:
    """Bits per coefficient of another compressor: with a file for ``each`` event (of ``sampled``), ``tiled``: with all.

    Pictures of all events are tiles of one picture; otherwise they follow each other.
    """

    name: str
    each: float
    tiled: float
    sampled: int


def other_sizes(events: Real[Tensor, "n *event"], axes: AxisNames) -> list[OtherSize]:
    """The sizes that the installed compressors reach, smallest first."""
    numbers = _narrow(events)
    found = [_measured(name, numbers, compress, _flat, few) for name, compress, few in _byte_compressors()]
    pictures = _pictures(numbers, axes)
    if pictures is not None:
        bits = bool(numbers.max() <= 1)
        found += [_measured(name, pictures, f, _tiled, few) for name, f, few in _picture_compressors(bits)]
    return sorted(found, key=lambda size: size.tiled)


def _measured(
    name: str,
    events: Shaped[np.ndarray, "n ..."],
    compress: Compress,
    join: Callable[[Shaped[np.ndarray, "n ..."]], Shaped[np.ndarray, "..."]],
    external: bool,
) -> OtherSize:
    count = min(len(events), MAX_SINGLE_CALLS if external else MAX_SINGLE_EVENTS)
    chosen = np.linspace(0, len(events) - 1, count).round().astype(int)
    each = sum(len(compress(join(events[k : k + 1]))) for k in chosen)
    return OtherSize(name, 8 * each / (count * events[0].size), 8 * len(compress(join(events))) / events.size, count)


# --- numbers --------------------------------------------------------------------------------------------------------


def _narrow(events: Tensor) -> Shaped[np.ndarray, "n *event"]:
    """Whole numbers in the narrowest dtype that holds them; other numbers, and missing values, as they are."""
    if events.is_floating_point() and not bool((events == events.round()).all()):
        return events.numpy()
    whole: Int64[np.ndarray, "..."] = events.long().numpy()
    low, high = int(whole.min()), int(whole.max())
    return whole.astype(np.min_scalar_type(high if low >= 0 else -max(-low, high + 1)))


def _flat(events: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, " numbers"]:
    return events.reshape(-1)


def _byte_compressors() -> Iterator[tuple[str, Compress, bool]]:
    yield "xz", _smaller(_xz), False
    yield "bzip2", _smaller(lambda data: bz2.compress(data, 9)), False
    if shutil.which("zstd"):
        yield "zstd", _smaller(_zstd), True


def _xz(data: bytes) -> bytes:
    # the memory of a dictionary, which takes time to fill with zeros, need not be larger than the data
    best = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": max(4096, len(data))}
    return lzma.compress(data, filters=[best])


def _smaller(compress: Callable[[bytes], bytes]) -> Compress:
    """Of bits also packed eight to a byte: what is smaller."""

    def smaller(numbers: Shaped[np.ndarray, "..."]) -> bytes:
        plain = compress(numbers.tobytes())
        if numbers.dtype != np.uint8 or numbers.max() > 1:
            return plain
        return min(plain, compress(np.packbits(numbers).tobytes()), key=len)

    return smaller


def _zstd(data: bytes) -> bytes:
    # told the size, it takes no more memory than that needs
    return _piped(["zstd", "--ultra", "-22", "-c", f"--stream-size={len(data)}"], data)


def _piped(command: list[str], data: bytes = b"") -> bytes:
    """What a program writes. Raises ``TensorarError`` if it fails."""
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise TensorarError(
            expected=f"{command[0]} to compress the events, for the report",
            got=escaped(said[-1]) if said else f"exit code {done.returncode}",
            remedy="leave out --report, or use another version of it",
        )
    return done.stdout


# --- pictures -------------------------------------------------------------------------------------------------------


def _pictures(numbers: Shaped[np.ndarray, "n *event"], axes: AxisNames) -> Shaped[np.ndarray, "n h w c"] | None:
    """Events of at most 256 levels as gray or color pictures; None for others."""
    sizes = dict(zip(axes, numbers.shape[1:], strict=False))
    gray_or_color = {"height", "width"} <= sizes.keys() <= {"height", "width", "channel"}
    if numbers.dtype != np.uint8 or not gray_or_color or sizes.get("channel", 1) not in (1, 3):
        return None
    order = [1 + axes.index(name) for name in ("height", "width", "channel") if name in axes]
    moved = numbers.transpose(0, *order)
    return moved if moved.ndim == 4 else moved[..., None]


def _tiled(pictures: Shaped[np.ndarray, "n h w c"]) -> Shaped[np.ndarray, "rows columns c"]:
    """One picture of all, about as wide as high."""
    n, h, w, c = pictures.shape
    across = max(1, min(n, round(math.sqrt(n * h / w)), MAX_SIDE // w))
    down = -(-n // across)
    padded = np.concatenate([pictures, np.zeros((across * down - n, h, w, c), np.uint8)])
    return padded.reshape(down, across, h, w, c).transpose(0, 2, 1, 3, 4).reshape(down * h, across * w, c)


def _picture_compressors(bits: bool) -> Iterator[tuple[str, Compress, bool]]:
    from PIL import Image, features

    yield "PNG", lambda pixels: _saved(pixels, bits, format="PNG", optimize=True), False
    if features.check("webp"):
        yield "WebP", lambda pixels: _saved(pixels, bits, format="WEBP", lossless=True, quality=100, method=6), False
    if shutil.which("cjxl"):
        yield "JPEG XL", lambda pixels: _converted(pixels, bits, "cjxl", "-d", "0", "-e", "9"), True
    elif ".jxl" in Image.registered_extensions():
        yield "JPEG XL", lambda pixels: _saved(pixels, bits, format="JXL", lossless=True, effort=9), False
    if bits and shutil.which("pbmtojbg"):
        yield "JBIG", lambda pixels: _piped(["pbmtojbg"], _saved(pixels, True, format="PPM")), True


def _saved(pixels: Shaped[np.ndarray, "h w c"], bits: bool, **options: object) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    values = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    image = Image.fromarray(values * 255).convert("1") if bits else Image.fromarray(np.ascontiguousarray(values))
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def _converted(pixels: Shaped[np.ndarray, "h w c"], bits: bool, *command: str) -> bytes:
    """The output of a program that reads and writes files."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.png", Path(folder) / "out.jxl"
        source.write_bytes(_saved(pixels, bits, format="PNG"))
        _piped([command[0], str(source), str(target), *command[1:]])
        return target.read_bytes()
