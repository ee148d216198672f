"""A visiting order: the rank of every coefficient, and the masks at some steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.order import Order
from tensorar.plotting.image import hide_axes
from tensorar.plotting.masks import draw_cell_borders, draw_mask
from tensorar.plotting.style import MAX_LABELLED_CELLS, NORMAL_FONT, SMALL_FONT, new_figure
from tensorar.plotting.titles import separate_titles
from tensorar.plotting.view import View, view_of


def order_masks(order: Order, steps: Sequence[int] | None = None, *, axes: AxisNames | None = None) -> Figure:
    """The ranks, next to the masks of ``steps``: known dark, next red, unknown light.

    The default is the first five steps, or five steps spread over a long order. In small events the ranks are written
    into the cells; in large ones a thin line follows the path. Raises ``ShapeError`` for a step out of range.
    """
    steps = _default_steps(len(order)) if steps is None else list(steps)
    _require_steps(steps, len(order))
    view = view_of(order.event_shape, axes=axes, color=False)
    ranks_axes, masks_axes, figure = _layout(view, len(steps))
    _draw_ranks(figure, ranks_axes, view, order.rank.cpu().numpy())
    for panel, t in zip(masks_axes, steps, strict=True):
        draw_mask(panel, view, order.mask_before(t).cpu().numpy(), int(order.visits[t]))
        panel.set_title(f"step {t}", fontsize=NORMAL_FONT)
    if view.height == 1 and view.width > 1:  # strips of equal width, so that coefficients are aligned
        for panel in (ranks_axes, *masks_axes):
            panel.set_aspect("auto")
    return separate_titles(figure)


def _default_steps(n: int) -> list[int]:
    return list(range(min(5, n))) if n <= MAX_LABELLED_CELLS else [k * n // 5 for k in range(5)]


def _require_steps(steps: list[int], n: int) -> None:
    wrong = [t for t in steps if not 0 <= t < n]
    if wrong:
        raise ShapeError(expected=f"steps from 0 to {n - 1}", got=f"step {wrong[0]}", remedy="omit it")


def _layout(view: View, masks: int) -> tuple[Axes, list[Axes], Figure]:
    """Axes in one row, first the larger one of the ranks; in one column for wide events."""
    if view.height * view.cell_aspect / view.width > 0.6:
        figure = new_figure(3.4 + 1.5 * masks, 3.7)
        ranks, *rest = figure.subplots(1, 1 + masks, squeeze=False, width_ratios=[2.2, *[1] * masks])[0]
        return ranks, rest, figure
    tall = min(3.5, max(0.9, 7 * view.height / view.width))
    figure = new_figure(7.5, 0.3 + tall + masks * (0.25 + 0.45 * tall))
    ranks, *rest = figure.subplots(1 + masks, 1, squeeze=False, height_ratios=[1, *[0.45] * masks])[:, 0]
    return ranks, rest, figure


def _draw_ranks(figure: Figure, axes: Axes, view: View, rank: Int[np.ndarray, "*event"]) -> None:
    ranks = np.ma.masked_array(view.arrange(rank), view.gaps)
    image = axes.imshow(ranks, cmap="cividis", vmin=0, vmax=max(1, rank.size - 1), aspect=view.cell_aspect)
    axes.set_title("rank of each coefficient", fontsize=NORMAL_FONT)
    hide_axes(axes)
    if rank.size <= MAX_LABELLED_CELLS:
        draw_cell_borders(axes, view)
        _write_ranks(axes, view, rank)
    else:
        _draw_path(axes, view, rank)
        figure.colorbar(image, ax=axes, label="step", shrink=0.8).ax.tick_params(labelsize=SMALL_FONT)


def _write_ranks(axes: Axes, view: View, rank: Int[np.ndarray, "*event"]) -> None:
    narrow = view.width > 25  # two digits do not fit side by side
    size = min(9.0, 120 / max(view.width, view.height)) if not narrow else max(4.5, 200 / view.width)
    for coefficient, step in enumerate(rank.ravel().tolist()):
        row, column = view.position(coefficient)
        color = "white" if step < rank.size / 2 else "black"
        axes.text(column, row, str(step), color=color, fontsize=size, rotation=90 * narrow, ha="center", va="center")


def _draw_path(axes: Axes, view: View, rank: Int[np.ndarray, "*event"]) -> None:
    """Draw a line from each coefficient to the next, unless the event is a single row."""
    if view.height == 1:
        return
    positions = np.argwhere(view.cells >= 0)
    path = positions[rank.ravel()[view.cells[view.cells >= 0]].argsort()]
    jumps = np.abs(np.diff(path, axis=0)).sum(1)
    if jumps.mean() < (view.height + view.width) / 8:  # a path of long jumps would hide the colors
        axes.plot(path[:, 1], path[:, 0], color="white", linewidth=0.5, alpha=0.7)
