"""An animation of a visiting order: which coefficients are known at each step, and which comes next."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from tensorar.axes import AxisNames
from tensorar.order import Order
from tensorar.plotting.masks import draw_mask
from tensorar.plotting.save import save_gif
from tensorar.plotting.style import NORMAL_FONT, new_figure
from tensorar.plotting.view import View, view_of

# a long order shows every few steps
MAX_FRAMES, FRAMES_PER_SECOND = 100, 6


def save_order_animation(order: Order, path: Path | str, *, first: int = 0, axes: AxisNames | None = None) -> None:
    """Write a GIF of the steps from ``first`` on, atomically. Raises ``RunError`` if it cannot be written."""
    view, figure = view_of(order.event_shape, axes=axes, color=False), new_figure(3.2, 3.4)
    panel, left = figure.subplots(), len(order) - first
    steps = sorted({first + round(k * left / MAX_FRAMES) for k in range(MAX_FRAMES + 1)})
    save_gif(figure, lambda k: _draw(panel, view, order, steps[k]), len(steps), path, fps=FRAMES_PER_SECOND, dpi=100)


def _draw(axes: Axes, view: View, order: Order, t: int) -> None:
    axes.clear()
    upcoming = int(order.visits[t]) if t < len(order) else None
    draw_mask(axes, view, order.mask_before(t).cpu().numpy(), upcoming)
    axes.set_title(f"{t} of {len(order)} known", fontsize=NORMAL_FONT)
