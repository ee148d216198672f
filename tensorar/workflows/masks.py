"""Masks of known coefficients for in-painting: a named region, a file, or the default for a shape."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from tensorar.errors import ShapeError, TensorarError
from tensorar.regions import region
from tensorar.utils.npy_format import read_npy_array
from tensorar.utils.reading import describe, open_file


def known_mask(
    evidence: str | None,
    mask: str | Path | Tensor | None,
    event_shape: tuple[int, ...],
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "*event"]:
    """The mask of known coefficients: a region by name, or a mask (or the .npy file with it), but not both.

    Raises ``TensorarError`` for an unknown region, an invalid mask, or both.
    """
    if mask is None:
        return region(default_region(event_shape) if evidence is None else evidence, event_shape, generator)
    if evidence is not None:
        raise TensorarError(
            expected="either `evidence` or `mask`", got="both", remedy="leave one out, or add the region to the mask"
        )
    if not isinstance(mask, Tensor):
        return read_mask(Path(mask), event_shape)
    return _checked_mask(mask, event_shape)


def _checked_mask(mask: Tensor, event_shape: tuple[int, ...]) -> Bool[Tensor, "*event"]:
    """The mask as a Boolean tensor on the CPU."""
    if tuple(mask.shape) != event_shape:
        raise ShapeError(
            expected=f"a mask of the event's shape {event_shape}", got=str(tuple(mask.shape)), remedy="reshape it"
        )
    if not ((mask == 0) | (mask == 1)).all():
        raise TensorarError(
            expected="`mask` to be Boolean, or 0 and 1",
            got=f"other values ({mask.dtype})",
            remedy="pass True for known coefficients",
        )
    return mask.bool().cpu()


def default_region(event_shape: tuple[int, ...]) -> str:
    """The top half; without rows the left half; for a single row or column, a random half."""
    for name, axis in (("top half", -2), ("left half", -1)):
        if len(event_shape) >= -axis and event_shape[axis] > 1:
            return name
    return "random 0.5" if math.prod(event_shape) > 1 else "random 0"


def read_mask(path: Path, event_shape: tuple[int, ...]) -> Bool[Tensor, "*event"]:
    """The mask in a .npy file. Raises ``TensorarError`` when it is damaged, not Boolean, or of another shape."""
    array = _read_array(path)
    if array.shape != event_shape:
        raise _invalid(path, f"of the event's shape {event_shape}", str(array.shape))
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise _invalid(path, "Boolean, or 0 and 1", f"other values ({array.dtype})")
    return torch.from_numpy(array.astype(bool))


def _read_array(path: Path) -> Shaped[np.ndarray, "..."]:
    what = "an array from numpy.save"
    try:
        with open_file(path, what) as file:
            return read_npy_array(file.data, file.size, str(path))
    except TensorarError as error:
        raise _invalid(path, what, error.got) from error
    except Exception as error:  # numpy raises nearly any exception for a damaged file
        raise _invalid(path, what, describe(error)) from error


def _invalid(path: Path, expected: str, got: str) -> TensorarError:
    return TensorarError(
        expected=f"the mask {path} to be {expected}",
        got=" ".join(got.split()).lower(),
        remedy="save one with numpy.save, True for known coefficients",
    )
