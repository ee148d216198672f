"""Masks for named regions of an event, such as the known part for in-painting."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from tensorar.axes import AxisNames, check_axes, guess_axes, horizontal_axis, points_up, vertical_axis
from tensorar.errors import SpecError
from tensorar.order import Order

# the axis of each side, and whether the side is at its beginning
SIDES = {
    "top": ("height", True),
    "bottom": ("height", False),
    "left": ("width", True),
    "right": ("width", False),
    "front": ("depth", True),
    "back": ("depth", False),
    "first": ("time", True),
    "last": ("time", False),
}
FRACTIONS = {"half": 2, "third": 3, "quarter": 4}
LINES = {"row": "height", "column": "width", "slice": "depth", "frame": "time", "channel": "channel"}
NAMES = (
    "top|bottom|left|right|front|back|first|last half|third|quarter, center box, border, random|low-discrepancy "
    "FRACTION, first N, rows|columns|slices|frames|channels A-B, every Kth [row|column|...], several joined by +"
)


def region(
    name: str,
    event_shape: tuple[int, ...],
    generator: torch.Generator | None = None,
    order: Order | None = None,
    *,
    axes: AxisNames | None = None,
) -> Bool[Tensor, "*event"]:
    """The mask of a named region: ``top half``, ``border``, ``rows 3-7``, ``random 30 %``, ``first 45``, ...

    ==================================  ========================================================================
    ``top half``, ``left quarter``      top|bottom|left|right half|third|quarter, rounded up
    ``front half``, ``last third``      front|back of the depth, first|last of the time
    ``center box``, ``border``          the middle half of height, width and depth; everything else
    ``rows 3-7``, ``columns 3``         counted from 0, both ends included; slices, frames, channels, too
    ``every 2nd``                       every second coefficient of the raster order, from the first (3rd, 4th, ...)
    ``every 2nd row``                   every second row (or column, slice, frame, channel), from the first
    ``first 45``                        the coefficients that ``order`` (default: raster) visits first
    ``random 0.3``, ``random 30 %``     each coefficient with this probability
    ``low-discrepancy 10 %``            exactly this fraction, spread evenly over all axes
    ``rows 0-2 + left half``            the union
    ==================================  ========================================================================

    ``axes`` names the axes of the event (default: guessed from its shape, see ``tensorar.axes``). Rows are counted
    along the height and columns along the width, or the axes that pictures show in their place. ``generator`` draws
    ``random`` and shifts ``low-discrepancy``. Raises ``SpecError`` for an unknown name, numbers out of range, or an
    event without such an axis, and ``ShapeError`` for ``axes`` that do not fit the shape.

    >>> region("left half", (4,))
    tensor([ True,  True, False, False])
    >>> region("top half", (2, 2, 3))[0].all(), region("top half", (6, 6, 3))[..., 0].sum()
    (tensor(False), tensor(18))
    >>> region("first 1 + every 3rd", (5,), order=Order(torch.tensor([4, 3, 2, 1, 0]), (5,)))
    tensor([ True, False, False,  True,  True])
    """
    shape = tuple(event_shape)
    axes = guess_axes(shape) if axes is None else tuple(axes)
    check_axes(axes, shape)
    mask = torch.zeros(shape, dtype=torch.bool)
    for part in name.split("+"):
        words = " ".join(part.split())
        mask |= _one(_Event(words, shape, axes, generator, order))
    return mask


@dataclass(frozen=True, eq=False)
class _Event:
    """The event in which a region is looked up, and the name of that region, for errors."""

    name: str
    shape: tuple[int, ...]
    axes: AxisNames
    generator: torch.Generator | None
    order: Order | None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def error(self, expected: str, remedy: str) -> SpecError:
        return SpecError(expected=expected, got=repr(self.name), remedy=remedy)

    def axis(self, name: str) -> int | None:
        """The axis of that name, or for height and width the one that pictures show in its place; None without one."""
        if not self.axes:
            return None
        if name == "height":
            return vertical_axis(self.axes)
        if name == "width":
            return horizontal_axis(self.axes)
        if name == "time" and len(self.axes) == 1:
            return 0
        return self.axes.index(name) if name in self.axes else None

    def positions(self, name: str) -> Tensor:
        """The position of every coefficient along an axis, in a shape that broadcasts to the event's."""
        axis = self.axis(name)
        if axis is None:
            described = f"axes {' '.join(self.axes)}" if self.axes else "a single number"
            raise SpecError(
                expected=f"an event with an axis {name!r} for {self.name!r}",
                got=f"{described} of shape {self.shape}" if self.axes else described,
                remedy="use another region, such as 'left half' or 'random 0.5'",
            )
        return torch.arange(self.shape[axis]).reshape([-1, *[1] * (len(self.shape) - axis - 1)])

    def number(self, digits: str, low: int, high: int, what: str) -> int:
        """A whole number within bounds."""
        number = int(digits)
        if not low <= number <= high:
            raise self.error(f"{what} from {low} to {high}", "choose another number")
        return number


def _one(event: _Event) -> Tensor:
    name = event.name.lower().replace("centre", "center")
    for pattern, mask_of in FORMS.items():
        if found := re.fullmatch(pattern, name):
            return mask_of(event, *found.groups()).expand(event.shape)
    raise event.error(f"a region ({NAMES})", "use one of these, or a mask")


def _side(event: _Event, side: str, fraction: str) -> Tensor:
    axis, first = SIDES[side]
    positions = event.positions(axis)
    size = positions.numel()
    count = -(-size // FRACTIONS[fraction])
    at_low_end = first != (axis == "height" and points_up(event.axes))
    return positions < count if at_low_end else positions >= size - count


def _center(event: _Event) -> Tensor:
    mask = torch.ones(event.shape, dtype=torch.bool)
    for name in ("height", "width", "depth"):
        if event.axis(name) is not None:
            positions = event.positions(name)
            size = positions.numel()
            mask &= (positions >= size // 4) & (positions < size - size // 4)
    return mask


def _border(event: _Event) -> Tensor:
    return ~_center(event)


def _lines(event: _Event, line: str, first: str, last: str | None) -> Tensor:
    positions = event.positions(LINES[line])
    size = positions.numel()
    low = event.number(first, 0, size - 1, f"{line}s")
    high = event.number(last or first, low, size - 1, f"a last {line}")
    return (positions >= low) & (positions <= high)


def _every(event: _Event, digits: str, line: str | None) -> Tensor:
    flat = torch.arange(event.size).reshape(event.shape)
    positions = flat if line is None else event.positions(LINES[line])
    return positions % event.number(digits, 1, max(1, positions.numel()), "a number after 'every'") == 0


def _first(event: _Event, digits: str) -> Tensor:
    count = event.number(digits, 0, event.size, "a number of coefficients")
    order = Order.raster(event.shape) if event.order is None else event.order
    return order.mask_before(count).cpu()


def _random(event: _Event, fraction: str | None) -> Tensor:
    return torch.rand(event.shape, generator=event.generator) < _fraction(event, "random", fraction)


def _low_discrepancy(event: _Event, fraction: str | None) -> Tensor:
    """The first cells hit by the points of an additive recurrence in the unit cube (Roberts 2018, "R_d")."""
    count = round(_fraction(event, "low-discrepancy", fraction) * event.size)
    sizes = torch.tensor([size for size in event.shape if size > 1] or [1], dtype=torch.float64)
    step = _generalized_golden_ratio(len(sizes)) ** -torch.arange(1, len(sizes) + 1, dtype=torch.float64)
    index = torch.arange(4 * count).unsqueeze(1)
    points = (torch.rand(len(sizes), generator=event.generator, dtype=torch.float64) + index * step) % 1
    strides = sizes.flip(0).cumprod(0).flip(0) / sizes
    cells = ((points * sizes).floor() @ strides).long()
    # cells that no point hits come last
    hit = torch.full((event.size,), len(index)).scatter_reduce(0, cells, index[:, 0], "amin")
    chosen = hit.argsort(stable=True)[:count]
    return torch.zeros(event.size, dtype=torch.bool).index_fill(0, chosen, True).reshape(event.shape)


def _generalized_golden_ratio(axes: int) -> float:
    """The root above 1 of ``x**(axes + 1) = x + 1``: the golden ratio for one axis, the plastic number for two."""
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (axes + 1))
    return root


def _fraction(event: _Event, word: str, text: str | None) -> float:
    """A fraction as written: ``0.3``, ``30 %``; half if it is left out."""
    number, percent = (text or "0.5").removesuffix("%"), (text or "").endswith("%")
    try:
        fraction = float(number) / (100 if percent else 1)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise event.error(f"a fraction from 0 to 1 after {word!r}", f"try {word} 0.3 or {word} 30 %")
    return fraction


# patterns of a region in lower case with single spaces; their groups are arguments of the function
FORMS: dict[str, Callable[..., Tensor]] = {
    rf"({'|'.join(SIDES)}) (half|third|quarter)": _side,
    r"center box": _center,
    r"border": _border,
    rf"({'|'.join(LINES)})s? ([0-9]{{1,18}})(?: ?- ?([0-9]{{1,18}}))?": _lines,
    rf"every ([0-9]{{1,18}})(?:st|nd|rd|th)(?: ({'|'.join(LINES)}))?": _every,
    r"first ([0-9]{1,18})": _first,
    r"random(?: (.+))?": _random,
    r"low-discrepancy(?: (.+))?": _low_discrepancy,
}
