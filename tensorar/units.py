"""Units: the location and the scale of real-valued data, per coefficient or shared, found in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int, Real
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.outliers import deviations, outlying
from tensorar.utils.precision import widest_dtype

GROUPINGS = ("auto", "none", "shared", "channel", "column", "coefficient")
# bounds memory and time: units need not be exact
MAX_VALUES_EXAMINED = 4_000_000
# a last axis that is no longer holds the channels of an image, unless the first one is as short
MAX_CHANNELS_LAST = 4
# groups whose scales or locations differ by this factor do not share their units
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
                expected=f"units of {name} to be one of {', '.join(GROUPINGS)}, or pairs of a finite location and a "
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


def find_units(values: Real[Tensor, "n *event"], grouping: str = "auto") -> Units | None:
    """The mean and the standard deviation of each group of coefficients, outliers left out; None for ``none``.

    Groupings: ``shared`` by all, one pair per ``channel`` (the first axis), per ``column`` (the last axis) or per
    ``coefficient``. ``auto`` is per coefficient for events of one axis (tables), per channel for three and more (images
    and volumes, also with the channels last); for two axes per column or per row if these differ, else shared. A scale
    is 1 where all values are the same. Missing values (NaN) are left out; where nothing is left, a location is 0.
    """
    if grouping == "none":
        return None
    values = sample_for_statistics(values)
    grouping = choose_grouping(values) if grouping == "auto" else grouping
    size = math.prod(values.shape[1:])
    stride = {"shared": size, "channel": size // values.shape[1] if values.ndim > 1 else 1}.get(grouping, 1)
    return _units(grouped(values, grouping), stride)


def grouped(values: Real[Tensor, "n *event"], grouping: str) -> Real[Tensor, "m groups"]:
    """The values of each group of coefficients as a column."""
    shape = values.shape[1:]
    if grouping == "shared" or not shape:
        return values.reshape(-1, 1)
    if grouping == "channel":
        return values.movedim(1, -1).reshape(-1, shape[0])
    return values.reshape(-1, shape[-1] if grouping == "column" else math.prod(shape))


def choose_grouping(values: Real[Tensor, "n *event"]) -> str:
    """The grouping that ``auto`` stands for."""
    axes = values.ndim - 1
    if axes > 2:
        return "column" if values.shape[-1] <= MAX_CHANNELS_LAST < values.shape[1] else "channel"
    if axes < 2:
        return ("shared", "coefficient")[axes]
    # the shape of a matrix does not tell an image from a series of several variables
    return next((grouping for grouping in ("column", "channel") if _differ(values, grouping)), "shared")


def _differ(values: Tensor, grouping: str) -> bool:
    """Whether groups differ in scale, or lie apart by many of their own scales."""
    columns = grouped(values, grouping)
    varying = columns[:, (columns < columns.nan_to_num(-torch.inf).amax(0)).any(0)]
    if not varying.shape[1]:
        return False
    scales, pooled = _units(varying, 1).scale, _units(varying.reshape(-1, 1), 1).scale[0]
    return bool((scales.max() > HETEROGENEOUS * scales.min()) | (pooled > HETEROGENEOUS * scales.max()))


def _units(columns: Tensor, stride: int) -> Units:
    middle, deviation = deviations(columns)
    usual = torch.where(deviation.isfinite() & ~outlying(deviation), deviation, torch.nan)
    # relative to the largest one: sums of huge numbers would overflow, squares of tiny ones underflow
    size = usual.abs().nan_to_num().amax(0)
    relative = usual / torch.where(size > 0, size, 1.0)
    mean = relative.nanmean(0).nan_to_num()
    spread = (relative - mean).square().nanmean(0).sqrt()
    scale = torch.where(size > 0, size * spread, 1.0)
    # 0 where nothing was observed
    return Units(middle.double().nan_to_num() + size * mean, scale, max(1, stride))


def sample_for_statistics(values: Real[Tensor, "n *event"]) -> Real[Tensor, "some *event"]:
    """All events, or evenly spaced ones of a large set, as float64 or int64: enough for statistics of the data."""
    count = max(1, MAX_VALUES_EXAMINED // max(1, values[0].numel()))
    if len(values) > count:
        values = values[torch.linspace(0, len(values) - 1, count, dtype=torch.float64).long()]
    whole = not values.is_floating_point() and bool((values.to(torch.float64).abs() < LARGEST_DIFFERENCE).all())
    return values.long() if whole else values.double()
