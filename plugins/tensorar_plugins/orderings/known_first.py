"""What is known first: an order for one kind of gap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering, ShapeError, SpecError, region

# every region fits such an event, so that names are checked before any data are loaded
LARGE_SIZE, MAX_LARGE_AXES = 64, 3


@dataclass(frozen=True, kw_only=True)
class KnownFirst(Ordering):
    """What lies in a named region first, then the rest, each in raster order.

    A model with it draws what is missing from its exact posterior given that region: an in-painter for one kind of gap,
    with any network that takes every order. ``known_first:region=border`` visits everything outside the center box
    first and then fills that box; the region is what ``inpaint --evidence`` names.

    >>> KnownFirst(region="right half").visits((2, 4))
    tensor([2, 3, 6, 7, 0, 1, 4, 5])

    Options:
        region: The region that is visited first, as in ``tensorar.region`` ("border", "bottom half", ...); one that
            is random is drawn once, and is the same for the same shape.
        axes: Names of the event's axes, in which the region is found, as in "height width channel" (none: guessed from
            the shape).
    """

    name = "known_first"
    region: str = "border"
    axes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.axes) or 2
        self._known((*(1,) * (count - MAX_LARGE_AXES), *(LARGE_SIZE,) * min(count, MAX_LARGE_AXES)))

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        try:
            known = self._known(event_shape)
        except SpecError as error:
            raise ShapeError(expected=error.expected, got=f"shape {tuple(event_shape)}", remedy=error.remedy) from error
        return (~known).flatten().long().argsort(stable=True)

    def _known(self, event_shape: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return region(self.region, event_shape, generator, axes=self.axes or None)
