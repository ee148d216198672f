"""The uncertainty of unknown coefficients given the evidence, drawn beside the evidence."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Float64
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.evidence import Evidence
from tensorar.plotting.curve import draw_curve, format_axes, shade_unknown
from tensorar.plotting.image import Corner, draw_colors, draw_image
from tensorar.plotting.style import (
    BLUE,
    LIGHT,
    NORMAL_FONT,
    SMALL_FONT,
    add_caption,
    check_same_shape,
    new_figure,
    to_numpy,
    value_limits,
    view_and_values,
)
from tensorar.plotting.tiles import Tiles
from tensorar.plotting.titles import separate_titles
from tensorar.plotting.view import View

COLORS = colormaps["cividis"]


def uncertainty(
    evidence: Evidence,
    value: Float[Tensor, "n *event"],
    *,
    label: str = "uncertainty",
    caption: str = "",
    axes: AxisNames | None = None,
) -> Figure:
    """The evidence, and beside it the uncertainty of every unknown coefficient: a colored map, or bars for curves.

    Known coefficients are gray in the map; channels of an RGB pixel are averaged. ``label`` names the measure. Raises
    ``ShapeError`` if shapes do not match.
    """
    check_same_shape("the uncertainty", value.shape, evidence.mask.shape)
    view, observed = view_and_values(evidence.value, what="evidence", axes=axes)
    known, numbers = evidence.mask.cpu().numpy(), to_numpy(value)
    draw = _bars if view.kind in ("curve", "number") else _maps
    figure = draw(view, observed, known, numbers, label)
    if caption:
        add_caption(figure, caption)
    return separate_titles(figure)


def _maps(
    view: View,
    observed: Float64[np.ndarray, "n *event"],
    known: Bool[np.ndarray, "n *event"],
    numbers: Float64[np.ndarray, "n *event"],
    label: str,
) -> Figure:
    ratio = view.height * view.cell_aspect / view.width
    pairs = min(math.ceil(math.sqrt(len(known) * ratio / 2)), len(known))
    tiles = Tiles(view, math.ceil(len(known) / pairs), 2 * pairs)
    width, height = tiles.size_in_inches(2.6 * pairs)
    figure = new_figure(width + 1.0, height + 0.3)
    axes = figure.subplots()
    limits, scale = value_limits([observed[known]]), Normalize(*value_limits([numbers[~known]], low=0.0))

    def draw_tile(k: int, corner: Corner) -> None:
        event = k // 2
        if k % 2:
            draw_colors(axes, view, _colors(view, known[event], numbers[event], scale), corner)
        else:
            draw_image(axes, view, observed[event], limits, known[event], corner)

    tiles.draw(axes, 2 * len(known), draw_tile)
    tiles.label_columns(axes, ["evidence", label.partition(" (")[0]] * pairs)
    bar = figure.colorbar(ScalarMappable(scale, COLORS), ax=axes, shrink=0.8)
    bar.set_label(label, fontsize=SMALL_FONT)
    bar.ax.tick_params(labelsize=SMALL_FONT)
    return figure


def _colors(
    view: View, known: Bool[np.ndarray, "*event"], numbers: Float64[np.ndarray, "*event"], scale: Normalize
) -> Float64[np.ndarray, "h w 3"]:
    unknown = view.arrange(~known).reshape(view.height, view.width, -1)
    total = (view.arrange(numbers).reshape(unknown.shape) * unknown).sum(-1)
    count = unknown.sum(-1)
    colors: np.ndarray = COLORS(scale(total / count.clip(1)))[..., :3]
    colors[count == 0] = to_rgb(LIGHT)
    colors[view.gaps] = 1
    return colors


def _bars(
    view: View,
    observed: Float64[np.ndarray, "n *event"],
    known: Bool[np.ndarray, "n *event"],
    numbers: Float64[np.ndarray, "n *event"],
    label: str,
) -> Figure:
    figure = new_figure(7, 0.7 + 1.2 * len(known))
    grid = figure.subplots(len(known), 2, squeeze=False, sharex=True, sharey="col")
    limits, top = value_limits([observed[known]]), value_limits([numbers], low=0.0)
    rows = (array.reshape(len(known), -1) for array in (observed, known, numbers))
    for (left, right), event, mask, heights in zip(grid, *rows, strict=True):
        shade_unknown(left, mask)
        draw_curve(left, event, limits, known=mask)
        right.bar(np.arange(heights.size), heights, color=BLUE, width=0.85)
        format_axes(right, heights.size, top)
    grid[0, 0].set_title("evidence", fontsize=NORMAL_FONT)
    grid[0, 1].set_title(label, fontsize=NORMAL_FONT)
    figure.supxlabel("coefficient", fontsize=NORMAL_FONT)
    return figure
