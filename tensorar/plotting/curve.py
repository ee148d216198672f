"""One event as a curve: values over coefficients, with a tinted background where they are unknown."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from tensorar.plotting.style import DARK, HATCH_COLOR, SMALL_FONT, UNKNOWN_COLOR, Limits


def curve_grid(figure: FigureBase, rows: int, columns: int) -> Shaped[np.ndarray, "rows columns"]:
    """Panels for curves with the limits of ``format_axes``, whose ticks are labelled at the edges of the grid.

    They do not share their limits, as with ``sharex=True``: matplotlib would look at all panels whenever it uses one.
    """
    grid: Shaped[np.ndarray, "rows columns"] = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.label_outer()
    return grid


def draw_curve(
    axes: Axes,
    event: Float64[np.ndarray, "*event"],
    limits: Limits,
    *,
    color: str = DARK,
    known: Bool[np.ndarray, "*event"] | None = None,
) -> None:
    """Draw a sequence, with gaps where it is not ``known``; long sequences have smaller dots."""
    values = event.ravel() if known is None else np.where(known.ravel(), event.ravel(), np.nan)
    marker_size = 2.5 if len(values) <= 64 else 0.8
    axes.plot(np.arange(len(values)), values, "o-", color=color, linewidth=1, markersize=marker_size)
    format_axes(axes, len(values), limits)


def format_axes(axes: Axes, length: int, limits: Limits) -> None:
    """Give all curves of a figure the same axes: a small margin around the limits, ticks at integers."""
    margin = 0.06 * (limits[1] - limits[0])
    axes.set_xlim(-0.7, length - 0.3)
    axes.set_ylim(limits[0] - margin, limits[1] + margin)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=SMALL_FONT)
    axes.spines[["top", "right"]].set_visible(False)


def shade_unknown(axes: Axes, known: Bool[np.ndarray, "*event"]) -> None:
    """Hatch the background of every run of unknown coefficients."""
    edges = np.diff(np.concatenate([[0], (~known.ravel()).astype(int), [0]]))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        axes.axvspan(
            start - 0.5,
            stop - 0.5,
            facecolor=UNKNOWN_COLOR,
            edgecolor=HATCH_COLOR,
            hatch="////",
            linewidth=0,
            zorder=0,
            alpha=0.6,
        )
