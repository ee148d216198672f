"""What a conditional depends on: its receptive field, its blind spot, and how much each value matters."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.order import Order
from tensorar.plotting.image import draw_colors, hide_axes, mark
from tensorar.plotting.masks import draw_cell_borders
from tensorar.plotting.style import BLUE, LIGHT, NORMAL_FONT, ORANGE, RED, SMALL_FONT, new_figure, to_numpy
from tensorar.plotting.view import View, view_of

SEEN, BLIND, LATER, ITSELF = "seen", "visited before, but not seen", "visited later", "the coefficient"


def receptive_field(
    order: Order,
    coefficient: int,
    seen: Bool[Tensor, "*event"],
    influence: Float[Tensor, "*event"] | None = None,
    *,
    axes: AxisNames | None = None,
) -> Figure:
    """What the conditional of a coefficient (flat index) depends on, and beside it the influence of each value.

    ``axes`` names the axes of an event (default: guessed from its shape). Raises ``ShapeError`` if shapes do
    not match the order's.
    """
    for what in (seen, influence):
        if what is not None and tuple(what.shape) != order.event_shape:
            raise ShapeError(
                expected=f"maps of shape {order.event_shape}",
                got=str(tuple(what.shape)),
                remedy="pass one of each value",
            )
    view = view_of(order.event_shape, axes=axes, color=False)
    field, heat, figure = _layout(view, influence is not None)
    before = order.mask_before(int(order.rank.flatten()[coefficient])).cpu().numpy()
    _draw_field(figure, field, view, before, seen.cpu().numpy(), coefficient)
    if influence is not None:
        _draw_influence(figure, heat, view, np.where(before, to_numpy(influence), np.nan), coefficient)
    return figure


def _layout(view: View, both: bool) -> tuple[Axes, Axes, Figure]:
    """One panel, or two: side by side, or for wide events above each other."""
    ratio = view.height * view.cell_aspect / view.width
    if ratio > 0.6:
        figure = new_figure(8 if both else 4, min(7.0, 1.0 + 3.6 * ratio))
        panels = figure.subplots(1, 1 + both, squeeze=False)[0]
    else:
        figure = new_figure(7, (1 + both) * (0.8 + max(0.6, 6 * ratio)))
        panels = figure.subplots(1 + both, 1, squeeze=False)[:, 0]
    return panels[0], panels[-1], figure


def _draw_field(
    figure: Figure,
    axes: Axes,
    view: View,
    before: Bool[np.ndarray, "*event"],
    seen: Bool[np.ndarray, "*event"],
    coefficient: int,
) -> None:
    colors = np.where(view.arrange(before)[..., None], to_rgb(ORANGE), to_rgb(LIGHT))
    colors[view.arrange(before, False) & view.arrange(seen, False)] = to_rgb(BLUE)
    colors[view.position(coefficient)] = to_rgb(RED)
    colors[view.gaps] = 1
    draw_colors(axes, view, colors)
    draw_cell_borders(axes, view)
    hide_axes(axes)
    axes.set_title("receptive field", fontsize=NORMAL_FONT)
    shown = {SEEN: BLUE, BLIND: ORANGE, LATER: LIGHT, ITSELF: RED}
    there = {SEEN: (before & seen).any(), BLIND: (before & ~seen).any(), LATER: True, ITSELF: True}
    handles = [Patch(color=color, label=name) for name, color in shown.items() if there[name]]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=SMALL_FONT, frameon=False)


def _draw_influence(
    figure: Figure, axes: Axes, view: View, influence: Float64[np.ndarray, "*event"], coefficient: int
) -> None:
    cells = np.ma.masked_invalid(view.arrange(influence, np.nan))
    axes.set_facecolor(LIGHT)
    image = axes.imshow(cells, cmap="viridis", vmin=0, aspect=view.cell_aspect)
    mark(axes, view, coefficient)
    hide_axes(axes)
    axes.set_title("influence of each value on the conditional", fontsize=NORMAL_FONT)
    bar = figure.colorbar(image, ax=axes, label="mean |derivative|", shrink=0.8)
    bar.ax.tick_params(labelsize=SMALL_FONT)
