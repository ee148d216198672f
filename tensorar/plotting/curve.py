"""One event as a curve: values over coefficients, the unknown ones on a tinted ground."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tensorar.plotting.style import DARK, HATCH, SMALL, UNKNOWN, Limits


def draw_curve(
    axes: Axes,
    event: Float64[np.ndarray, "*event"],
    limits: Limits,
    *,
    colour: str = DARK,
    known: Bool[np.ndarray, "*event"] | None = None,
) -> None:
    """Draw a sequence; where it is not ``known`` there is a gap. Dots, unless there are too many to tell apart."""
    values = event.ravel() if known is None else np.where(known.ravel(), event.ravel(), np.nan)
    size = 2.5 if len(values) <= 64 else 0.8
    axes.plot(np.arange(len(values)), values, "o-", color=colour, linewidth=1, markersize=size)
    frame(axes, len(values), limits)


def frame(axes: Axes, length: int, limits: Limits) -> None:
    """The same axes for every curve of a picture: a little room around the limits, whole coefficients only."""
    room = 0.06 * (limits[1] - limits[0])
    axes.set_xlim(-0.7, length - 0.3)
    axes.set_ylim(limits[0] - room, limits[1] + room)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=SMALL)
    axes.spines[["top", "right"]].set_visible(False)


def shade_unknown(axes: Axes, known: Bool[np.ndarray, "*event"]) -> None:
    """A hatched ground under every run of unknown coefficients."""
    steps = np.diff(np.concatenate([[0], (~known.ravel()).astype(int), [0]]))
    for start, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        axes.axvspan(
            start - 0.5, stop - 0.5, facecolor=UNKNOWN, edgecolor=HATCH, hatch="////", linewidth=0, zorder=0, alpha=0.6
        )
