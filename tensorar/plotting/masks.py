"""A mask: what is known dark, what comes next red, what is unknown light."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from tensorar.plotting.image import bare, draw_colours, mark
from tensorar.plotting.style import DARK, FEW, LIGHT, RED
from tensorar.plotting.view import View


def draw_mask(axes: Axes, view: View, known: Bool[np.ndarray, "*event"], upcoming: int | None) -> None:
    """Draw which coefficients are known, and the flat index of the next one."""
    colours = np.where(view.arrange(known)[..., None], to_rgb(DARK), to_rgb(LIGHT))
    if upcoming is not None:
        colours[view.place(upcoming)] = to_rgb(RED)
        if view.cells.size > FEW:
            mark(axes, view, upcoming)
    colours[view.gaps] = 1
    draw_colours(axes, view, colours)
    rule(axes, view)
    bare(axes)


def rule(axes: Axes, view: View) -> None:
    """White lines between cells, while they are large enough to need them."""
    if view.cells.size <= FEW:
        axes.hlines(np.arange(1, view.height) - 0.5, -0.5, view.width - 0.5, color="white", linewidth=0.6)
        axes.vlines(np.arange(1, view.width) - 0.5, -0.5, view.height - 0.5, color="white", linewidth=0.6)
