"""Grids of events, alone or side by side."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Shaped
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.plotting.curve import curve_grid, draw_curve
from tensorar.plotting.image import draw_image
from tensorar.plotting.style import (
    BLUE,
    DARK,
    NORMAL_FONT,
    ORANGE,
    SMALL_FONT,
    Limits,
    new_figure,
    value_limits,
    view_and_values,
)
from tensorar.plotting.tiles import Tiles
from tensorar.plotting.titles import separate_titles
from tensorar.plotting.view import View

MAX_PANELS = 16  # more panels of curves would be too small to read; further curves share the first panels


def event_grid(
    events: Shaped[Tensor, "n *event"],
    *,
    title: str | None = None,
    low: float | None = None,
    high: float | None = None,
    columns: int | None = None,
    axes: AxisNames | None = None,
) -> Figure:
    """A grid of events: tiled images, small panels of curves, or a histogram of single numbers.

    ``low`` is black and ``high`` is white (bottom and top for curves); by default the minimum and the maximum. ``axes``
    names the axes of an event (default: guessed from its shape). Raises ``ShapeError`` if there are no events.
    """
    view, values = view_and_values(events, axes=axes)
    figure = new_figure(*_size_in_inches(view, len(values), columns, width=6))
    draw_events(figure, view, values, value_limits([values], low, high), columns)
    if title is not None:
        figure.suptitle(title, fontsize=NORMAL_FONT + 1, parse_math=False)
    if view.is_partial:
        figure.supxlabel("slices through the center, from above, from the front and from the side", fontsize=SMALL_FONT)
    return separate_titles(figure)


def side_by_side(
    columns: dict[str, Shaped[Tensor, "..."]],
    *,
    low: float | None = None,
    high: float | None = None,
    axes: AxisNames | None = None,
) -> Figure:
    """Grids of events (``{"training": (n, *event), ...}``), titled with their names, with the same range of values."""
    if not columns:
        raise ShapeError(expected="at least one column of events", got="none", remedy="pass a name and its events")
    views = [view_and_values(events, what=f"events under {name!r}", axes=axes) for name, events in columns.items()]
    limits = value_limits([values for _, values in views], low, high)
    sizes = [_size_in_inches(view, len(values), None, width=4.5) for view, values in views]
    figure = new_figure(sum(w for w, _ in sizes) + 0.3, max(h for _, h in sizes) + 0.3)
    panels = figure.subfigures(1, len(columns), squeeze=False, wspace=0.04, width_ratios=[w for w, _ in sizes])[0]
    for panel, name, (view, values) in zip(panels, columns, views, strict=True):
        draw_events(panel, view, values, limits, None)
        panel.suptitle(name, fontsize=NORMAL_FONT + 1, parse_math=False)
    return separate_titles(figure)


def draw_events(
    panel: FigureBase, view: View, values: Float64[np.ndarray, "n *event"], limits: Limits, columns: int | None
) -> None:
    """Draw a grid of events in a figure or a subfigure."""
    if view.kind == "number":
        _histogram(panel, values, limits)
    elif view.kind == "curve":
        _curves(panel, values, limits, columns)
    else:
        axes = panel.subplots()
        tiles = _tiles(view, len(values), columns)
        tiles.draw(axes, len(values), lambda k, corner: draw_image(axes, view, values[k], limits, corner=corner))


def _size_in_inches(view: View, n: int, columns: int | None, *, width: float) -> tuple[float, float]:
    if view.kind == "number":
        return 0.8 * width, 0.5 * width
    if view.kind == "curve":
        rows, across = _panels(n, columns)
        return max(3.0, 0.7 * across, width * min(1.0, 0.3 + 0.2 * across)), 0.6 + 1.1 * rows
    return _tiles(view, n, columns).size_in_inches(width)


def _tiles(view: View, n: int, columns: int | None) -> Tiles:
    """Tiles in ``columns`` columns, by default so many that the figure is about square."""
    ratio = view.height * view.cell_aspect / view.width
    across = columns or max(1, round(math.sqrt(n * ratio)))
    return Tiles(view, math.ceil(n / min(across, n)), min(across, n))


def _panels(n: int, columns: int | None) -> tuple[int, int]:
    """Rows and columns of panels for ``n`` curves: by default at most 4 by 4."""
    panels = _panel_count(n, columns)
    across = min(columns or min(4, math.ceil(panels / 2)), panels)
    return math.ceil(panels / across), across


def _panel_count(n: int, columns: int | None) -> int:
    """At most ``MAX_PANELS``, or one row of more columns if these are asked for."""
    return min(n, max(MAX_PANELS, columns or 0))


def _curves(panel: FigureBase, values: Float64[np.ndarray, "n *event"], limits: Limits, columns: int | None) -> None:
    rows, across = _panels(len(values), columns)
    grid = curve_grid(panel, rows, across).ravel()
    panels = _panel_count(len(values), columns)
    colors = (DARK, BLUE, ORANGE)
    for k, event in enumerate(values):
        draw_curve(grid[k % panels], event, limits, color=colors[k // panels % len(colors)])
    for empty in grid[panels:]:
        empty.set_visible(False)
    panel.supxlabel("coefficient", fontsize=NORMAL_FONT)
    panel.supylabel("value", fontsize=NORMAL_FONT)


def _histogram(panel: FigureBase, values: Float64[np.ndarray, "n *event"], limits: Limits) -> None:
    flat = values.ravel()[np.isfinite(values.ravel())]
    axes = panel.subplots()
    axes.hist(flat, bins=_bins(flat, limits), weights=np.full(len(flat), 1 / len(values)), color=BLUE)
    axes.set_xlabel("value", fontsize=NORMAL_FONT)
    axes.set_ylabel("fraction of events", fontsize=NORMAL_FONT)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.tick_params(labelsize=SMALL_FONT)
    axes.spines[["top", "right"]].set_visible(False)


def _bins(values: Float64[np.ndarray, " n"], limits: Limits) -> list[float]:
    """Edges of one bin per integer if the values are integers in a small range, else of forty bins."""
    low, high = limits
    if high - low <= 100 and (values == values.round()).all():
        return [k - 0.5 for k in range(math.floor(low), math.ceil(high) + 2)]
    return [float(edge) for edge in np.linspace(low, high, 41)]
