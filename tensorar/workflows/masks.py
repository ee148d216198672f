"""Masks of known coefficients for in-painting: a named region, a file, a tensor, or the default for a shape."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from tensorar.axes import AxisNames, guess_axes, horizontal_axis, vertical_axis
from tensorar.errors import ShapeError, TensorarError
from tensorar.order import Order
from tensorar.regions import region
from tensorar.workflows.mask_files import read_mask


def known_mask(
    evidence: str | None,
    mask: str | Path | Tensor | None,
    event_shape: tuple[int, ...],
    generator: torch.Generator | None = None,
    order: Order | None = None,
    *,
    axes: AxisNames | None = None,
) -> Bool[Tensor, "*events_and_event"]:
    """The mask of known coefficients, ``(*event)`` or one per event, ``(n, *event)``: a region by name, or a mask.

    The mask is a tensor or a file (see ``read_mask``); ``axes`` names the axes of events (default: guessed). Raises
    ``TensorarError`` for an unknown region, an invalid mask, or both.
    """
    if mask is None:
        name = default_region(event_shape, axes) if evidence is None else evidence
        return region(name, event_shape, generator, order, axes=axes)
    if evidence is not None:
        raise TensorarError(
            expected="either `evidence` or `mask`", got="both", remedy="leave one out, or add the region to the mask"
        )
    if not isinstance(mask, Tensor):
        return read_mask(Path(mask), event_shape, axes)
    return _checked_mask(mask, event_shape)


def mask_of_events(mask: Bool[Tensor, "..."], event_shape: tuple[int, ...], n: int) -> Bool[Tensor, "n *event"]:
    """A mask for each of ``n`` events, from one for all or ``n``. Raises ``ShapeError`` for another number."""
    if mask.ndim > len(event_shape) and len(mask) != n:
        raise ShapeError(
            expected=f"`mask` with a mask for each of the {n} events to complete",
            got=f"masks for {len(mask)}",
            remedy=f"use events={len(mask)}, or pass one mask for all",
        )
    return mask.expand(n, *event_shape)


def _checked_mask(mask: Tensor, event_shape: tuple[int, ...]) -> Bool[Tensor, "*events_and_event"]:
    """The mask as a Boolean tensor on the CPU."""
    shape = tuple(mask.shape)
    if shape != event_shape and shape[1:] != event_shape:
        raise ShapeError(
            expected=f"a mask of the event's shape {event_shape}, or of (events, *event)",
            got=str(shape),
            remedy="reshape it",
        )
    if not ((mask == 0) | (mask == 1)).all():
        raise TensorarError(
            expected="`mask` to be Boolean, or 0 and 1",
            got=f"other values ({mask.dtype})",
            remedy="pass True for known coefficients",
        )
    return mask.bool().cpu()


def default_region(event_shape: tuple[int, ...], axes: AxisNames | None = None) -> str:
    """The front half of volumes, the first half of videos, else the top half; without rows the left half.

    For an event without an axis of this kind that is longer than 1, a random half.
    """
    axes = guess_axes(event_shape) if axes is None else axes
    vertical, horizontal = vertical_axis(axes), horizontal_axis(axes) if axes else None
    sides = {name: axes.index(axis) for name, axis in (("front", "depth"), ("first", "time")) if axis in axes}
    sides |= {name: axis for name, axis in (("top", vertical), ("left", horizontal)) if axis is not None}
    first = min((axis for axis in sides.values() if event_shape[axis] > 1), default=None)
    if first is not None:
        return next(f"{name} half" for name, axis in sides.items() if axis == first)
    return "random 0.5" if math.prod(event_shape) > 1 else "random 0"
