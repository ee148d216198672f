"""What all pictures share: numbers out of tensors, the range they are shown in, colours and empty figures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float64, Shaped
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.plotting.view import View, view_of

# Distinct in lightness too, so that they survive a grey print; the hues are about those of Okabe and Ito, which the
# colour-blind tell apart.
DARK = "#222222"
LIGHT = "#e4e4e4"
LINE = "#9a9a9a"
RED = "#d5200a"
BLUE = "#0072b2"
ORANGE = "#d55e00"
UNKNOWN = "#bfdcf2"  # a tint that no grey value has
HATCH = "#6fa8d6"

SMALL, NORMAL = 7, 9  # points
FEW = 100  # cells that are large enough for a line between them and a number in each

Limits = tuple[float, float]


def numbers(tensor: Shaped[Tensor, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """A tensor of any dtype on any device as NumPy has it, in float64."""
    array: np.ndarray = tensor.detach().cpu().double().numpy()
    return array


def look(events: Shaped[Tensor, "n *event"], *, what: str = "events") -> tuple[View, Float64[np.ndarray, "n *event"]]:
    """How a batch of events is shown, and its numbers. Raises ``ShapeError`` when there is nothing to show."""
    if events.ndim == 0 or len(events) == 0:
        raise ShapeError(
            expected=f"{what} of shape (batch, *event), at least one",
            got=f"shape {tuple(events.shape)}",
            remedy="add the batch axis, or give something to draw",
        )
    return view_of(tuple(events.shape[1:])), numbers(events)


def same_shape(what: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Raise ``ShapeError`` unless two things that are drawn together have one shape."""
    if tuple(got) != tuple(expected):
        raise ShapeError(
            expected=f"{what} of shape {tuple(expected)}",
            got=f"{tuple(got)}",
            remedy="give everything in one picture the same shape",
        )


def limits_of(
    arrays: Iterable[Float64[np.ndarray, "..."]], low: float | None = None, high: float | None = None
) -> Limits:
    """The range in which numbers are shown: theirs, unless it is given; never empty, whatever the numbers are.

    >>> limits_of([np.array([3.0, 5.0])]), limits_of([np.array([0.0, 0.0])])
    ((3.0, 5.0), (0.0, 1.0))
    """
    everything = np.concatenate([np.ravel(a) for a in arrays])
    finite = everything[np.isfinite(everything)]
    bottom = low if low is not None else float(finite.min(initial=np.inf)) if len(finite) else 0.0
    top = high if high is not None else float(finite.max(initial=-np.inf)) if len(finite) else bottom
    if top - bottom > 1e-6 * max(abs(bottom), abs(top)):
        return bottom, top
    # a constant has no range of its own: show it between 0 and 1, or between 0 and itself
    return min(bottom, 0.0), max(top, 1.0)


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of a size in inches."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")
