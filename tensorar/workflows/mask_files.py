"""Masks of known coefficients in files: an array (.npy), or a picture (.png) with a hole."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import numpy as np
import torch
from jaxtyping import Bool, Shaped, UInt8
from torch import Tensor

from tensorar.axes import AxisNames, guess_axes, horizontal_axis, vertical_axis
from tensorar.errors import TensorarError
from tensorar.utils.npy_format import read_npy_array
from tensorar.utils.reading import OpenFile, describe, open_file

ARRAY = "an array from numpy.save"
REMEDIES = {
    ".npy": "save one with numpy.save, True for known coefficients",
    ".png": "save a PNG of that size whose unknown pixels are transparent",
}


def read_mask(
    path: Path, event_shape: tuple[int, ...], axes: AxisNames | None = None
) -> Bool[Tensor, "*event_or_events"]:
    """The mask in a file: ``(*event)``, or one per event in an array ``(n, *event)``.

    Transparent pixels of a .png are unknown; in a picture without any, white pixels are unknown and black ones known.
    A pixel stands for a position in height and width, by the ``axes`` (default: guessed), and so for all channels.
    Raises ``TensorarError`` when the file is damaged, of another shape, or has other values.
    """
    if path.suffix.lower() == ".png":
        return _read_picture(path, event_shape, guess_axes(event_shape) if axes is None else axes)
    array = _read(path, ARRAY, lambda file: read_npy_array(file.data, file.size, str(path)))
    if array.shape != event_shape and array.shape[1:] != event_shape:
        raise _invalid(path, f"of the event's shape {event_shape}, or of (events, *event)", str(array.shape))
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise _invalid(path, "Boolean, or 0 and 1", f"other values ({array.dtype})")
    return torch.from_numpy(array.astype(bool))


def _read_picture(path: Path, event_shape: tuple[int, ...], axes: AxisNames) -> Bool[Tensor, "*event"]:
    vertical = vertical_axis(axes)
    if vertical is None:
        raise TensorarError(
            expected=f"an event with height and width for the mask {path}",
            got=f"shape {event_shape}",
            remedy="save the mask with numpy.save (.npy), True for known coefficients",
        )
    horizontal = horizontal_axis(axes)
    height, width = event_shape[vertical], event_shape[horizontal]
    pixels = _read(path, f"a PNG picture of {width} x {height} pixels", lambda file: _pixels(file, (width, height)))
    color, alpha = pixels[..., :3], pixels[..., 3]
    if (alpha == 0).any():
        known = alpha > 0
    else:
        known = (color == 0).all(-1)
        if not (known | (color == 255).all(-1)).all():
            raise _invalid(path, "black where known and white where unknown, or partly transparent", "other colors")
    transposed = known if vertical < horizontal else known.T
    sizes = [size if axis in (vertical, horizontal) else 1 for axis, size in enumerate(event_shape)]
    return torch.from_numpy(transposed.reshape(sizes)).expand(event_shape)


def _pixels(file: OpenFile, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 4"]:
    """The RGBA pixels of a picture, decoded only if it has the expected size."""
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow warns of very many pixels, which are refused here
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        picture = Image.open(cast("IO[bytes]", file.data), formats=["PNG"])
    if picture.size != size:
        raise ValueError(f"{picture.width} x {picture.height} pixels")
    return np.asarray(picture.convert("RGBA"))


def _read(path: Path, what: str, read: Callable[[OpenFile], Shaped[np.ndarray, "..."]]) -> Shaped[np.ndarray, "..."]:
    try:
        with open_file(path, what) as file:
            return read(file)
    except TensorarError as error:
        raise _invalid(path, what, error.got) from error
    except Exception as error:  # numpy and Pillow raise nearly any exception for a damaged file
        raise _invalid(path, what, describe(error)) from error


def _invalid(path: Path, expected: str, got: str) -> TensorarError:
    return TensorarError(
        expected=f"the mask {path} to be {expected}",
        got=" ".join(got.split()).lower(),
        remedy=REMEDIES.get(path.suffix.lower(), REMEDIES[".npy"]),
    )
