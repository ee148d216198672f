"""An animation of a visiting order: which coefficients are known at each step, and which comes next."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes

from tensorar.order import Order
from tensorar.plotting.masks import draw_mask
from tensorar.plotting.style import NORMAL_FONT, new_figure
from tensorar.plotting.view import View, view_of
from tensorar.utils.files import write_atomically

# a long order shows every few steps
MAX_FRAMES, FRAMES_PER_SECOND = 100, 6


def save_order_animation(order: Order, path: Path | str, *, first: int = 0) -> None:
    """Write a GIF of the steps from ``first`` on, atomically. Raises ``RunError`` if it cannot be written."""
    write_atomically(Path(path), _gif(order, first))


def _gif(order: Order, first: int) -> bytes:
    view, figure = view_of(order.event_shape, color=False), new_figure(3.2, 3.4)
    axes, writer = figure.subplots(), PillowWriter(fps=FRAMES_PER_SECOND)
    left = len(order) - first
    steps = sorted({first + round(k * left / MAX_FRAMES) for k in range(MAX_FRAMES + 1)})
    with TemporaryDirectory() as folder:
        file = Path(folder) / "order.gif"
        with writer.saving(figure, str(file), dpi=100):
            for t in steps:
                _draw(axes, view, order, t)
                writer.grab_frame()
        return file.read_bytes()


def _draw(axes: Axes, view: View, order: Order, t: int) -> None:
    axes.clear()
    upcoming = int(order.visits[t]) if t < len(order) else None
    draw_mask(axes, view, order.mask_before(t).cpu().numpy(), upcoming)
    axes.set_title(f"{t} of {len(order)} known", fontsize=NORMAL_FONT)
