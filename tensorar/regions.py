"""Masks for named regions of an event, such as the known part for in-painting."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from tensorar.errors import SpecError

SIDES = {"top": (-2, True), "bottom": (-2, False), "left": (-1, True), "right": (-1, False)}
FRACTIONS = {"half": 2, "third": 3, "quarter": 4}
NAMES = "top|bottom|left|right half|third|quarter, center box, border, random FRACTION"


def region(name: str, event_shape: tuple[int, ...], generator: torch.Generator | None = None) -> Bool[Tensor, "*event"]:
    """The mask of a named region: ``top half``, ``left quarter``, ``center box``, ``border``, ``random 0.3``.

    Left and right refer to the last axis, top and bottom to the second to last; the border is everything outside the
    center box. ``generator`` draws the mask of ``random``. Raises ``SpecError`` for an unknown name, or when the event
    has too few axes.

    >>> region("left half", (4,))
    tensor([ True,  True, False, False])
    """
    words = name.lower().replace("centre", "center").split()
    if len(words) == 2 and words[0] in SIDES and words[1] in FRACTIONS:
        return _side(words[0], FRACTIONS[words[1]], event_shape, name)
    if words == ["center", "box"]:
        return _center(event_shape)
    if words == ["border"]:
        return ~_center(event_shape)
    if words[:1] == ["random"] and len(words) <= 2:
        return torch.rand(event_shape, generator=generator) < _fraction(words[1:], name)
    raise SpecError(expected=f"a region ({NAMES})", got=repr(name), remedy="use one of these, or a mask")


def _side(side: str, divisor: int, event_shape: tuple[int, ...], name: str) -> Tensor:
    axis, first = SIDES[side]
    if len(event_shape) < -axis:
        raise SpecError(
            expected=f"an event with at least {-axis} axes for {name!r}",
            got=f"shape {event_shape}",
            remedy="use another region, such as 'left half' or 'random 0.5'",
        )
    size = event_shape[axis]
    count = -(-size // divisor)
    mask = torch.zeros(event_shape, dtype=torch.bool)
    mask.narrow(axis, 0 if first else size - count, count).fill_(True)
    return mask


def _center(event_shape: tuple[int, ...]) -> Tensor:
    """The middle half of each of the last two axes."""
    mask = torch.ones(event_shape, dtype=torch.bool)
    for axis in range(max(0, len(event_shape) - 2), len(event_shape)):
        size = event_shape[axis]
        index = torch.arange(size).reshape([-1 if a == axis else 1 for a in range(len(event_shape))])
        mask &= (index >= size // 4) & (index < size - size // 4)
    return mask


def _fraction(words: list[str], name: str) -> float:
    try:
        fraction = float(words[0]) if words else 0.5
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise SpecError(expected="a fraction from 0 to 1 after 'random'", got=repr(name), remedy="try random 0.3")
    return fraction
