"""Helpers of all figures: arrays from tensors, ranges of values, colors and empty figures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from io import BytesIO

import numpy as np
from jaxtyping import Float64, Shaped
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.plotting.view import View, view_of_events

# Distinct in lightness too, so that they remain distinguishable in grayscale; the hues are close to those of Okabe and
# Ito, which are safe for color-blind readers.
DARK = "#222222"
LIGHT = "#e4e4e4"
LINE_COLOR = "#9a9a9a"
RED = "#d5200a"
BLUE = "#0072b2"
ORANGE = "#d55e00"
UNKNOWN_COLOR = "#bfdcf2"  # a tint, unlike any gray value
HATCH_COLOR = "#6fa8d6"

SMALL_FONT, NORMAL_FONT = 7, 9  # points
CHARACTERS_PER_INCH = 16  # of the small font, on average
MAX_LABELLED_CELLS = 100  # more cells are too small for lines between them and numbers in them

Limits = tuple[float, float]


def to_numpy(tensor: Shaped[Tensor, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """A tensor of any dtype on any device as a float64 array."""
    array: np.ndarray = tensor.detach().cpu().double().numpy()
    return array


def view_and_values(
    events: Shaped[Tensor, "n *event"], *, what: str = "events", axes: AxisNames | None = None
) -> tuple[View, Float64[np.ndarray, "n *event"]]:
    """The view of a batch of events, and its values. Raises ``ShapeError`` for an empty batch."""
    if events.ndim == 0 or len(events) == 0:
        raise ShapeError(
            expected=f"{what} of shape (batch, *event) with at least one event",
            got=f"shape {tuple(events.shape)}",
            remedy="add the batch axis, or pass at least one event",
        )
    return view_of_events(tuple(events.shape[1:]), axes=axes), to_numpy(events)


def check_same_shape(what: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Raise ``ShapeError`` unless the shapes of two tensors drawn together are equal."""
    if tuple(got) != tuple(expected):
        raise ShapeError(
            expected=f"{what} of shape {tuple(expected)}",
            got=f"{tuple(got)}",
            remedy="pass tensors of the same shape",
        )


def value_limits(
    arrays: Iterable[Float64[np.ndarray, "..."]], low: float | None = None, high: float | None = None
) -> Limits:
    """The range of finite values, unless ``low`` and ``high`` are given; never empty.

    >>> value_limits([np.array([3.0, 5.0])]), value_limits([np.array([0.0, 0.0])])
    ((3.0, 5.0), (0.0, 1.0))
    """
    values = np.concatenate([np.ravel(a) for a in arrays])
    finite = values[np.isfinite(values)]
    bottom = low if low is not None else float(finite.min(initial=np.inf)) if len(finite) else 0.0
    top = high if high is not None else float(finite.max(initial=-np.inf)) if len(finite) else bottom
    if top - bottom > 1e-6 * max(abs(bottom), abs(top)):
        return bottom, top
    # constant values have no range of their own: extend it to include 0 and 1
    return min(bottom, 0.0), max(top, 1.0)


def short_name(name: str, length: int) -> str:
    """A name that labels a row or a column, of at most so many characters.

    >>> short_name("chrysanthemum", 6)
    'chrys…'
    """
    return name if len(name) <= length else f"{name[: length - 1]}…"


class DisplayedFigure(Figure):
    """A figure that notebooks display by themselves, without pyplot and without any magic."""

    def _repr_png_(self) -> bytes:
        memory = BytesIO()
        self.savefig(memory, format="png", dpi=100)
        return memory.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure; width and height are in inches."""
    return DisplayedFigure(figsize=(width, height), layout="constrained", facecolor="white")


def add_caption(figure: Figure, text: str) -> None:
    """Add a caption above everything else, wrapped to the width of the figure."""
    lines = textwrap.wrap(text, max(24, int(CHARACTERS_PER_INCH * figure.get_figwidth())))
    figure.suptitle("\n".join(lines), fontsize=SMALL_FONT, parse_math=False)
    figure.set_figheight(figure.get_figheight() + 0.15 * len(lines))
