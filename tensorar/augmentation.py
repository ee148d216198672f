"""Shifts and flips of training events, with a token that tells the network which one it is looking at.

Jun, Child, Chen, Schulman, Ramesh, Radford, Sutskever 2020, "Distribution Augmentation for Generative Modeling".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError, SpecError
from tensorar.evidence import Evidence
from tensorar.parts.part import coerce
from tensorar.parts.spec import PartSpec, nearest

FLIPPED = {"none": (), "horizontal": ("width",), "vertical": ("height",), "both": ("height", "width")}
SHIFTED = ("height", "width")


@dataclass(frozen=True)
class Augmentation:
    """What is done to training events, drawn for each on its own; with ``1 - probability`` nothing.

    A transformed event is flipped, each axis in half of the cases, and then shifted by up to ``shift`` positions along
    height and width, all distances alike. What leaves on one side returns on the other: the coefficients are permuted,
    so that values stay possible ones, and ``log p(event given token)`` is a likelihood like any other. The token is
    one-hot for each axis's distance and flip, zeros where nothing was done: all zeros is the event as it is.
    """

    shift: int = 0
    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.shift < 0 or not 0 < self.probability <= 1 or not (self.shift or self.flip_axes):
            raise SpecError(
                expected="an augmentation with a shift of at least 1 or a flip, and a probability above 0, at most 1",
                got=f"shift={self.shift}, flip={self.flip}, probability={self.probability:g}",
                remedy="write for example augment=shift=2,flip=horizontal",
            )

    @classmethod
    def parse(cls, text: str) -> Augmentation | None:
        """The augmentation of ``shift=2,flip=horizontal,probability=0.5``; None for no text. Raises ``SpecError``.

        >>> Augmentation.parse("shift=2").probability
        0.5
        """
        if not text.strip():
            return None
        options, kinds = PartSpec.parse(f"augment:{text}").options, get_type_hints(cls)
        for key in options:
            if key not in kinds:
                raise SpecError(expected="an option of augment", got=repr(key), remedy=nearest(key, kinds))
        made: dict[str, Any] = {key: coerce(options[key], kinds[key], where=f"augment's {key}") for key in options}
        return cls(**made)

    @property
    def flip_axes(self) -> tuple[str, ...]:
        """The names of the axes that are flipped."""
        return FLIPPED[self.flip]

    @property
    def features(self) -> int:
        """The length of a token."""
        return 2 * self.shift * len(SHIFTED) + len(self.flip_axes)

    def check(self, axes: AxisNames, event_shape: tuple[int, ...]) -> None:
        """Raise ``ShapeError`` unless events have these axes, each longer than the shift."""
        sizes = dict(zip(axes, event_shape, strict=True))
        needed, least = {*self.flip_axes, *(SHIFTED if self.shift else ())}, max(self.shift, 1)
        if any(sizes.get(name, 0) <= least for name in needed):
            raise ShapeError(
                expected=f"events with {' and '.join(sorted(needed))} longer than {least}, to augment them",
                got=", ".join(f"{name} {size}" for name, size in sizes.items()) or "single numbers",
                remedy="leave out the setting augment",
            )

    def __call__(
        self, events: Shaped[Tensor, "batch *event"] | Evidence, axes: AxisNames, generator: torch.Generator
    ) -> tuple[Shaped[Tensor, "batch *event"] | Evidence, Float[Tensor, "batch token"]]:
        """Transformed events, missing values with the others, and the token of each."""
        n = len(events)
        chosen = torch.rand(n, generator=generator) < self.probability
        flips = {name: chosen & (torch.rand(n, generator=generator) < 0.5) for name in self.flip_axes}
        shifts = {
            name: chosen * torch.randint(-self.shift, self.shift + 1, (n,), generator=generator)
            for name in (SHIFTED if self.shift else ())
        }
        for name in sorted({*flips, *shifts}):
            axis = axes.index(name) + 1
            flip, shift = flips.get(name, chosen & False), shifts.get(name, chosen * 0)
            events = _mapped(events, lambda x, a=axis, f=flip, s=shift: _moved(x, a, f, s))
        tokens = [_one_hot(shift, self.shift) for shift in shifts.values()]
        return events, torch.cat([*tokens, *(flip.float().unsqueeze(1) for flip in flips.values())], dim=1)


def _mapped(events: Tensor | Evidence, change: Any) -> Tensor | Evidence:
    return Evidence(change(events.mask), change(events.value)) if isinstance(events, Evidence) else change(events)


def _moved(
    x: Shaped[Tensor, "batch *event"], axis: int, flip: Shaped[Tensor, " batch"], shift: Int[Tensor, " batch"]
) -> Shaped[Tensor, "batch *event"]:
    """Events flipped along an axis where ``flip``, then moved along it by ``shift``, around the end."""
    size = x.shape[axis]
    source = (torch.arange(size) - shift.unsqueeze(1)) % size
    source = torch.where(flip.unsqueeze(1), size - 1 - source, source)
    shape = [1] * x.ndim
    shape[0], shape[axis] = source.shape
    return x.take_along_dim(source.reshape(shape).to(x.device), dim=axis)


def _one_hot(shift: Int[Tensor, " batch"], largest: int) -> Float[Tensor, "batch distances"]:
    """Which distance from ``-largest`` to ``largest``, 0 left out.

    >>> _one_hot(torch.tensor([-1, 0, 1]), 1)
    tensor([[1., 0.],
            [0., 0.],
            [0., 1.]])
    """
    distances = torch.cat([torch.arange(-largest, 0), torch.arange(1, largest + 1)])
    return (shift.unsqueeze(1) == distances).float()
