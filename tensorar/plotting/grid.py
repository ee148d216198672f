"""Grids of samples and of data, alone or next to each other."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Shaped
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.plotting.curve import draw_curve
from tensorar.plotting.image import draw_image
from tensorar.plotting.style import BLUE, DARK, NORMAL, ORANGE, SMALL, Limits, limits_of, look, new_figure
from tensorar.plotting.tiles import Tiles
from tensorar.plotting.view import View

PANELS = 16  # more panels of curves than this are too small to read; further curves join the first panels


def event_grid(
    events: Shaped[Tensor, "n *event"],
    *,
    title: str | None = None,
    low: float | None = None,
    high: float | None = None,
    columns: int | None = None,
) -> Figure:
    """Events side by side: images tight together, small panels of curves, or a histogram of numbers.

    ``low`` is black and ``high`` is white (the bottom and the top of curves); by default the least and the greatest
    value. Raises ``ShapeError`` when there are no events.
    """
    view, values = look(events)
    figure = new_figure(*_inches(view, len(values), columns, width=6))
    fill(figure, view, values, limits_of([values], low, high), columns)
    if title is not None:
        figure.suptitle(title, fontsize=NORMAL + 1, parse_math=False)
    return figure


def side_by_side(
    columns: dict[str, Shaped[Tensor, "..."]], *, low: float | None = None, high: float | None = None
) -> Figure:
    """Grids of events (``{"training": (n, *event), ...}``) under their names, all in one range of values."""
    if not columns:
        raise ShapeError(expected="at least one column of events", got="none", remedy="give a name and its events")
    looks = [look(events, what=f"events under {name!r}") for name, events in columns.items()]
    limits = limits_of([values for _, values in looks], low, high)
    sizes = [_inches(view, len(values), None, width=4.5) for view, values in looks]
    figure = new_figure(sum(w for w, _ in sizes) + 0.3, max(h for _, h in sizes) + 0.3)
    places = figure.subfigures(1, len(columns), squeeze=False, wspace=0.04, width_ratios=[w for w, _ in sizes])[0]
    for place, name, (view, values) in zip(places, columns, looks, strict=True):
        fill(place, view, values, limits, None)
        place.suptitle(name, fontsize=NORMAL + 1, parse_math=False)
    return figure


def fill(
    place: FigureBase, view: View, values: Float64[np.ndarray, "n *event"], limits: Limits, columns: int | None
) -> None:
    """Fill a figure, or a part of one, with a grid of events."""
    if view.kind == "number":
        _histogram(place, values, limits)
    elif view.kind == "curve":
        _curves(place, values, limits, columns)
    else:
        axes = place.subplots()
        tiles = _tiles(view, len(values), columns)
        tiles.draw(axes, len(values), lambda k, corner: draw_image(axes, view, values[k], limits, corner=corner))


def _inches(view: View, n: int, columns: int | None, *, width: float) -> tuple[float, float]:
    if view.kind == "number":
        return 0.8 * width, 0.5 * width
    if view.kind == "curve":
        rows, across = _panels(n, columns)
        return max(3.0, width * min(1.0, 0.3 + 0.2 * across)), 0.6 + 1.1 * rows
    return _tiles(view, n, columns).inches(width)


def _tiles(view: View, n: int, columns: int | None) -> Tiles:
    """As many columns as make the whole about square, unless their number is given."""
    ratio = view.height * view.cell_aspect / view.width
    across = columns or max(1, round(math.sqrt(n * ratio)))
    return Tiles(view, math.ceil(n / min(across, n)), min(across, n))


def _panels(n: int, columns: int | None) -> tuple[int, int]:
    """Rows and columns of panels for ``n`` curves: 4 by 4 at most, unless the number of columns is given."""
    panels = min(n, PANELS)
    across = min(columns or min(4, math.ceil(panels / 2)), panels)
    return math.ceil(panels / across), across


def _curves(place: FigureBase, values: Float64[np.ndarray, "n *event"], limits: Limits, columns: int | None) -> None:
    rows, across = _panels(len(values), columns)
    grid = place.subplots(rows, across, squeeze=False, sharex=True, sharey=True).ravel()
    panels = min(len(values), PANELS)
    colours = (DARK, BLUE, ORANGE)
    for k, event in enumerate(values):
        draw_curve(grid[k % panels], event, limits, colour=colours[k // panels % len(colours)])
    for empty in grid[panels:]:
        empty.set_visible(False)
    place.supxlabel("coefficient", fontsize=NORMAL)
    place.supylabel("value", fontsize=NORMAL)


def _histogram(place: FigureBase, values: Float64[np.ndarray, "n *event"], limits: Limits) -> None:
    flat = values.ravel()[np.isfinite(values.ravel())]
    axes = place.subplots()
    axes.hist(flat, bins=_bins(flat, limits), weights=np.full(len(flat), 1 / len(values)), color=BLUE)
    axes.set_xlabel("value", fontsize=NORMAL)
    axes.set_ylabel("share of the events", fontsize=NORMAL)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.tick_params(labelsize=SMALL)
    axes.spines[["top", "right"]].set_visible(False)


def _bins(values: Float64[np.ndarray, " n"], limits: Limits) -> list[float]:
    """One bin per whole number where the values are whole and few, else forty."""
    low, high = limits
    if high - low <= 100 and (values == values.round()).all():
        return [k - 0.5 for k in range(math.floor(low), math.ceil(high) + 2)]
    return [float(edge) for edge in np.linspace(low, high, 41)]
