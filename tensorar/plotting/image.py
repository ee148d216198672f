"""One event as an image: values in gray or RGB, unknown ones tinted and hatched."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from tensorar.plotting.style import HATCH_COLOR, RED, UNKNOWN_COLOR, Limits
from tensorar.plotting.view import View

Corner = tuple[float, float]  # x and y of the upper left cell's center, in cells


def cell_colors(
    view: View,
    event: Float64[np.ndarray, "*event"],
    limits: Limits,
    known: Bool[np.ndarray, "*event"] | None = None,
) -> Float64[np.ndarray, "h w 3"]:
    """The colors of an event's cells: gray (or RGB) between the limits, tinted where unknown or not finite.

    If only some channels of an RGB cell are known, the others are 0.
    """
    known = np.isfinite(event) if known is None else known & np.isfinite(event)
    low, high = limits
    shade = np.where(known, (np.where(known, event, low) - low) / (high - low), 0.0).clip(0, 1)
    colors = np.array(np.broadcast_to(_channels(view, view.arrange(shade)), (view.height, view.width, 3)))
    colors[~_channels(view, view.arrange(known)).any(-1)] = to_rgb(UNKNOWN_COLOR)
    colors[view.gaps] = 1
    return colors


def draw_image(
    axes: Axes,
    view: View,
    event: Float64[np.ndarray, "*event"],
    limits: Limits,
    known: Bool[np.ndarray, "*event"] | None = None,
    corner: Corner = (0, 0),
) -> None:
    """Draw one event with its upper left cell at ``corner``, hatching cells that are not fully known."""
    draw_colors(axes, view, cell_colors(view, event, limits, known), corner)
    if known is not None:
        fully_known = _channels(view, view.arrange(known)).all(-1)
        _hatch(axes, ~fully_known & ~view.gaps, corner)


def draw_colors(axes: Axes, view: View, colors: Float64[np.ndarray, "h w 3"], corner: Corner = (0, 0)) -> None:
    """Draw the cells of a view in these colors; a cell is one unit of the axes wide."""
    x, y = corner[0] - 0.5, corner[1] - 0.5
    axes.imshow(colors, extent=(x, x + view.width, y + view.height, y), aspect=view.cell_aspect)


def mark(axes: Axes, view: View, coefficient: int) -> None:
    """Draw a red square around a coefficient, large enough to be visible in a large image."""
    row, column = view.position(coefficient)
    side = min(view.width, view.height * view.cell_aspect) / 20
    w, h = max(1.0, side), max(1.0, side / view.cell_aspect)
    square = Rectangle((column - w / 2, row - h / 2), w, h, fill=False, edgecolor=RED, linewidth=1.8, clip_on=False)
    axes.add_patch(square)


def hide_axes(axes: Axes) -> None:
    """Remove ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _channels(view: View, cells: Shaped[np.ndarray, "h w *rgb"]) -> Shaped[np.ndarray, "h w channels"]:
    return cells.reshape(view.height, view.width, -1)


def _hatch(axes: Axes, where: Bool[np.ndarray, "h w"], corner: Corner) -> None:
    """Hatch some cells as a single path: a patch per cell would be slow and interrupt the lines."""
    rows, columns = where.nonzero()
    if len(rows) == 0:
        return
    around = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    centers = np.stack([columns + corner[0], rows + corner[1]], -1)
    vertices = (centers[:, None] + around).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY], len(rows))
    cells = Path(vertices, codes)
    axes.add_patch(PathPatch(cells, facecolor="none", edgecolor=HATCH_COLOR, hatch="//////", linewidth=0))
