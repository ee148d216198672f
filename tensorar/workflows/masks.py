"""Masks of known coefficients for in-painting: a named region, a file, a tensor, or the default for a shape."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

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
) -> Bool[Tensor, "*events_and_event"]:
    """The mask of known coefficients, ``(*event)`` or one per event, ``(n, *event)``: a region by name, or a mask.

    The mask is a tensor or a file (see ``read_mask``). Raises ``TensorarError`` for an unknown region, an invalid mask,
    or both.
    """
    if mask is None:
        return region(default_region(event_shape) if evidence is None else evidence, event_shape, generator, order)
    if evidence is not None:
        raise TensorarError(
            expected="either `evidence` or `mask`", got="both", remedy="leave one out, or add the region to the mask"
        )
    if not isinstance(mask, Tensor):
        return read_mask(Path(mask), event_shape)
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


def default_region(event_shape: tuple[int, ...]) -> str:
    """The top half; without rows the left half; for a single row or column, a random half."""
    for name, axis in (("top half", -2), ("left half", -1)):
        if len(event_shape) >= -axis and event_shape[axis] > 1:
            return name
    return "random 0.5" if math.prod(event_shape) > 1 else "random 0"
