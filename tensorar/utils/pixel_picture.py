"""Events of any rank as small pictures in HTML, for notebooks: a cell for each coefficient, never more than fit."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np
from jaxtyping import Bool, Real, UInt8

# larger events are thinned out: every second row, every third column, ...
MAX_SIDE, MAX_PANELS = 256, 64  # cells, slices
PICTURE_HEIGHT, PICTURE_WIDTH, MAX_CELL_PIXELS = 260, 600, 20  # unless there are more cells
UNKNOWN_COLOR, GAP_COLOR = (191, 220, 242), 255  # as in the pictures of the package plotting


def pixel_picture(colors: UInt8[np.ndarray, "*event 3"], alt: str) -> str:
    """An image of the colors of an event's coefficients: the last two long axes down and across, slices beside them.

    Says below it if rows, columns or slices were left out.

    >>> pixel_picture(np.zeros((2, 3, 3), np.uint8), "zeros").startswith('<img alt="zeros" src="data:image/png')
    True
    """
    long_axes = [size for size in colors.shape[:-1] if size > 1]
    height, width = (1, 1, *long_axes)[-2:]
    slices = colors.reshape(-1, height, width, 3)
    strides = [-(-size // MAX_SIDE) for size in (height, width)]
    drawn = slices[:MAX_PANELS, :: strides[0], :: strides[1]]
    left_out = [f"every {n}. {axis}" for n, axis in zip(strides, ("row", "column"), strict=True) if n > 1]
    if len(slices) > MAX_PANELS:
        left_out.append(f"{MAX_PANELS} of {len(slices)} slices")
    note = f"<br><small>drawn: {', '.join(left_out)}</small>" if left_out else ""
    return _image(_side_by_side(drawn), alt) + note


def gray_values(values: Real[np.ndarray, "*shape"], known: Bool[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """Known values from black (the lowest) to white, unknown ones in light blue.

    >>> gray_values(np.array([0.0, 2.0, 0.0]), np.array([True, True, False])).tolist()
    [[0, 0, 0], [255, 255, 255], [191, 220, 242]]
    """
    finite = values[known & np.isfinite(values)].astype(np.float64)
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = min(low, 0.0), max(high, 1.0)
    # halves, since the range of the largest doubles is infinite
    share = (values / 2 - low / 2) / (high / 2 - low / 2)
    gray = (np.nan_to_num(share, nan=0.0).clip(0, 1) * 255).round().astype(np.uint8)
    return np.where(known[..., None], gray[..., None], np.array(UNKNOWN_COLOR, np.uint8))


def _side_by_side(slices: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """Slices in rows of at most ``MAX_SIDE`` cells, with a gap of one cell; those of a single row one below another."""
    count, height, width, _ = slices.shape
    columns = 1 if height == 1 else min(count, max(1, MAX_SIDE // (width + 1)))
    rows = -(-count // columns)
    padded = np.full((rows * columns, height + 1, width + 1, 3), GAP_COLOR, np.uint8)
    padded[:count, :-1, :-1] = slices
    grid = padded.reshape(rows, columns, height + 1, width + 1, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * (height + 1), columns * (width + 1), 3)[:-1, :-1]


def _image(pixels: UInt8[np.ndarray, "h w 3"], alt: str) -> str:
    scale = max(1, min(MAX_CELL_PIXELS, PICTURE_HEIGHT // pixels.shape[0], PICTURE_WIDTH // pixels.shape[1]))
    height, width = (size * scale for size in pixels.shape[:2])
    style = f"width:{width}px;height:{height}px;image-rendering:pixelated"
    return f'<img alt="{alt}" src="data:image/png;base64,{b64encode(_png(pixels)).decode()}" style="{style}">'


def _png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A PNG file of 8 bits per color; written here, so that displaying an object loads no library of images."""
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
