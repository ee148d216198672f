"""A mask: known coefficients dark, the next one red, unknown ones light."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from tensorar.plotting.image import draw_colors, hide_axes, mark
from tensorar.plotting.style import DARK, LIGHT, MAX_LABELLED_CELLS, RED
from tensorar.plotting.view import View


def draw_mask(axes: Axes, view: View, known: Bool[np.ndarray, "*event"], upcoming: int | None) -> None:
    """Draw which coefficients are known; ``upcoming`` is the flat index of the next one."""
    colors = np.where(view.arrange(known)[..., None], to_rgb(DARK), to_rgb(LIGHT))
    if upcoming is not None:
        colors[view.position(upcoming)] = to_rgb(RED)
        if view.cells.size > MAX_LABELLED_CELLS:
            mark(axes, view, upcoming)
    colors[view.gaps] = 1
    draw_colors(axes, view, colors)
    draw_cell_borders(axes, view)
    hide_axes(axes)


def draw_cell_borders(axes: Axes, view: View) -> None:
    """Draw white lines between cells, unless there are too many."""
    if view.cells.size <= MAX_LABELLED_CELLS:
        axes.hlines(np.arange(1, view.height) - 0.5, -0.5, view.width - 0.5, color="white", linewidth=0.6)
        axes.vlines(np.arange(1, view.width) - 0.5, -0.5, view.height - 0.5, color="white", linewidth=0.6)
