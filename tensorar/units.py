"""Units: the location and the scale of real-valued data, per coefficient or shared, found in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64, Int, Real
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.utils.precision import widest_dtype

# groupings of the coefficients that share a location and a scale
FORMS = ("auto", "none", "shared", "channel", "column", "coefficient")
# bounds memory and time: units need not be exact
MAX_VALUES_EXAMINED = 4_000_000
# so many typical deviations from the median, a value is an outlier
OUTLYING = 1e6
# a last axis that is no longer holds the channels of an image, unless the first one is as short
MOST_COLORS = 4
# columns whose scales or locations differ by this factor do not share their units
HETEROGENEOUS = 10.0
# differences of int64 values below it do not overflow
LARGEST_DIFFERENCE = 2.0**62


@dataclass(frozen=True, eq=False)
class Units:
    """Locations and scales ``(count,)`` in float64; coefficient ``i`` has those at ``i // stride % count``."""

    location: Float64[Tensor, " count"]
    scale: Float64[Tensor, " count"]
    stride: int = 1

    def at(self, coefficients: Int[Tensor, "*batch"] | None, device: torch.device) -> tuple[Tensor, Tensor]:
        """The location and the scale of coefficients (flat indices); 0-d if all share them.

        Raises ``SpecError`` if they differ and no coefficients are given.
        """
        location, scale = (part.to(device, widest_dtype(device)) for part in (self.location, self.scale))
        if len(location) == 1:
            return location[0], scale[0]
        if coefficients is None:
            raise SpecError(
                expected="the coefficients of the values, since their units differ",
                got="none",
                remedy="pass their flat indices as coefficients",
            )
        index = coefficients.to(device) // self.stride % len(location)
        return location[index], scale[index]

    def state(self) -> dict[str, Tensor]:
        """The numbers as tensors by name."""
        return {"location": self.location, "scale": self.scale, "stride": torch.tensor([self.stride])}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> Units:
        """Units from what ``state`` returned. Raises ``SpecError`` for other tensors."""
        if state.keys() != {"location", "scale", "stride"} or not _valid(*(state[k] for k in sorted(state))):
            raise SpecError(
                expected="a finite location and a positive, finite scale of each group of coefficients, and a stride",
                got=", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items()) or "nothing",
                remedy="restore them from a copy",
            )
        return cls(state["location"].double(), state["scale"].double(), int(state["stride"]))

    @classmethod
    def parse(cls, text: str, *, name: str) -> Units:
        """Units from ``location/scale`` pairs, one for all or one for each position of the last axis.

        Raises ``SpecError`` for other text.

        >>> Units.parse("0.5/0.1 22026/47000", name="gaussian").scale.tolist()
        [0.1, 47000.0]
        """
        try:
            pairs = [tuple(map(float, word.split("/"))) for word in text.split()]
            location, scale = torch.tensor(pairs, dtype=torch.float64).reshape(-1, 2).T
        except (ValueError, RuntimeError, TypeError):
            location = scale = torch.zeros(0)
        if not _valid(location, scale, torch.ones(1)):
            raise SpecError(
                expected=f"units of {name} to be one of {', '.join(FORMS)}, or pairs of a finite location and a "
                "positive, finite scale",
                got=repr(text),
                remedy='write for example units="0.5/0.1 22026/47000"',
            )
        return cls(location, scale)


def _valid(location: Tensor, scale: Tensor, stride: Tensor) -> bool:
    if location.ndim != 1 or location.shape != scale.shape or not len(location) or stride.numel() != 1:
        return False
    sound = location.isfinite().all() & scale.isfinite().all() & (scale > 0).all() & (stride >= 1).all()
    return bool(sound)


def find_units(values: Real[Tensor, "n *event"], form: str = "auto") -> Units | None:
    """The mean and the standard deviation of data, outliers left out; None for ``none``.

    ``form``: ``shared`` by all coefficients, one pair per ``channel`` (the first axis), per ``column`` (the last axis)
    or per ``coefficient``. ``auto`` is per coefficient for events of one axis (tables), per channel for three and more
    (images and volumes, also with the channels last), and for two axes per column if these differ, else shared.
    A scale is 1 where all values are the same.
    """
    if form == "none":
        return None
    values = examined(values)
    shape = values.shape[1:]
    if form == "auto":
        form = _choose(values)
    if form == "shared" or not shape:
        return _units(values.reshape(-1, 1), math.prod(shape))
    if form == "channel":
        return _units(values.movedim(1, -1).reshape(-1, shape[0]), math.prod(shape[1:]))
    return _units(values.reshape(-1, shape[-1] if form == "column" else math.prod(shape)), 1)


def _choose(values: Tensor) -> str:
    axes = values.ndim - 1
    if axes > 2:
        return "column" if values.shape[-1] <= MOST_COLORS < values.shape[1] else "channel"
    if axes < 2:
        return ("shared", "coefficient")[axes]
    columns = _units(values.reshape(-1, values.shape[-1]), 1)
    pooled = _units(values.reshape(-1, 1), 1)
    varying = columns.scale[columns.scale != 1]
    apart = len(varying) > 0 and bool(varying.max() > HETEROGENEOUS * varying.min())
    # columns that lie apart by many of their own scales
    apart = apart or bool(pooled.scale[0] > HETEROGENEOUS * columns.scale.max())
    return "column" if apart else "shared"


def _units(columns: Tensor, stride: int) -> Units:
    middle, deviation = deviations(columns)
    usual = torch.where(deviation.isfinite() & ~outlying(deviation), deviation, torch.nan)
    # relative to the largest one: sums of huge numbers would overflow, squares of tiny ones underflow
    size = usual.abs().nan_to_num().amax(0)
    relative = usual / torch.where(size > 0, size, 1.0)
    mean = relative.nanmean(0).nan_to_num()
    spread = (relative - mean).square().nanmean(0).sqrt()
    scale = torch.where(size > 0, size * spread, 1.0)
    return Units(middle.double() + size * mean, scale, max(1, stride))


def examined(values: Real[Tensor, "n *event"]) -> Real[Tensor, "some *event"]:
    """All events, or evenly spaced ones of a large set, as float64 or int64: enough for statistics of the data."""
    count = max(1, MAX_VALUES_EXAMINED // max(1, values[0].numel()))
    if len(values) > count:
        values = values[torch.linspace(0, len(values) - 1, count, dtype=torch.float64).long()]
    whole = not values.is_floating_point() and bool((values.to(torch.float64).abs() < LARGEST_DIFFERENCE).all())
    return values.long() if whole else values.double()


def deviations(columns: Real[Tensor, "n groups"]) -> tuple[Real[Tensor, " groups"], Float64[Tensor, "n groups"]]:
    """The median of each column, and the deviations from it; whole numbers are subtracted before they are rounded."""
    # torch's median reads beyond the memory of an expanded tensor
    columns = columns.contiguous()
    middle = columns.nanmedian(0).values if columns.is_floating_point() else columns.median(0).values
    return middle, (columns - middle).double()


def outlying(deviation: Float64[Tensor, "n groups"]) -> Bool[Tensor, "n groups"]:
    """Which values are a million typical deviations away from the median of their column: fill values, mostly.

    >>> _, deviation = deviations(torch.tensor([[0.1], [0.2], [-0.3], [9.96921e36]]))
    >>> outlying(deviation)[:, 0].tolist()
    [False, False, False, True]
    """
    size = deviation.abs()
    typical = torch.where(size > 0, size, torch.nan).nanmedian(0).values
    return size > OUTLYING * typical
