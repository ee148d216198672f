"""A visiting order: the rank of every coefficient, and what is known at some steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tensorar.errors import ShapeError
from tensorar.order import Order
from tensorar.plotting.image import bare
from tensorar.plotting.masks import draw_mask, rule
from tensorar.plotting.style import FEW, NORMAL, SMALL, new_figure
from tensorar.plotting.view import View, view_of


def order_masks(order: Order, steps: Sequence[int] | None = None) -> Figure:
    """The ranks, next to the masks of ``steps``: known dark, next red, unknown light.

    By default the first five steps, or five steps spread over the whole order where there are many. Small events have
    their ranks written in, large ones a thin line along the path. Raises ``ShapeError`` for a step that is not one.
    """
    steps = _default_steps(len(order)) if steps is None else list(steps)
    _require_steps(steps, len(order))
    view = view_of(order.event_shape, colour=False)
    ranks_axes, masks_axes, figure = _layout(view, len(steps))
    _draw_ranks(figure, ranks_axes, view, order.rank.cpu().numpy())
    for axes, t in zip(masks_axes, steps, strict=True):
        draw_mask(axes, view, order.mask_before(t).cpu().numpy(), int(order.visits[t]))
        axes.set_title(f"step {t}", fontsize=NORMAL)
    if view.height == 1 and view.width > 1:  # strips as wide as each other, for the eye to go down a column
        for axes in (ranks_axes, *masks_axes):
            axes.set_aspect("auto")
    return figure


def _default_steps(n: int) -> list[int]:
    return list(range(min(5, n))) if n <= FEW else [k * n // 5 for k in range(5)]


def _require_steps(steps: list[int], n: int) -> None:
    wrong = [t for t in steps if not 0 <= t < n]
    if wrong:
        raise ShapeError(expected=f"steps from 0 to {n - 1}", got=f"step {wrong[0]}", remedy="leave it out")


def _layout(view: View, masks: int) -> tuple[Axes, list[Axes], Figure]:
    """One row, the ranks first and larger; wide events are stacked instead."""
    if view.height * view.cell_aspect / view.width > 0.6:
        figure = new_figure(3.4 + 1.5 * masks, 3.7)
        ranks, *rest = figure.subplots(1, 1 + masks, squeeze=False, width_ratios=[2.2, *[1] * masks])[0]
        return ranks, rest, figure
    tall = min(3.5, max(0.9, 7 * view.height / view.width))
    figure = new_figure(7.5, 0.3 + tall + masks * (0.25 + 0.45 * tall))
    ranks, *rest = figure.subplots(1 + masks, 1, squeeze=False, height_ratios=[1, *[0.45] * masks])[:, 0]
    return ranks, rest, figure


def _draw_ranks(figure: Figure, axes: Axes, view: View, rank: Int[np.ndarray, "*event"]) -> None:
    shown = np.ma.masked_array(view.arrange(rank), view.gaps)
    image = axes.imshow(shown, cmap="cividis", vmin=0, vmax=max(1, rank.size - 1), aspect=view.cell_aspect)
    axes.set_title("rank of each coefficient", fontsize=NORMAL)
    bare(axes)
    if rank.size <= FEW:
        rule(axes, view)
        _write_ranks(axes, view, rank)
    else:
        _draw_path(axes, view, rank)
        figure.colorbar(image, ax=axes, label="step", shrink=0.8).ax.tick_params(labelsize=SMALL)


def _write_ranks(axes: Axes, view: View, rank: Int[np.ndarray, "*event"]) -> None:
    narrow = view.width > 25  # two digits do not fit side by side
    size = min(9.0, 120 / max(view.width, view.height)) if not narrow else max(4.5, 200 / view.width)
    for coefficient, step in enumerate(rank.ravel().tolist()):
        row, column = view.place(coefficient)
        colour = "white" if step < rank.size / 2 else "black"
        axes.text(column, row, str(step), color=colour, fontsize=size, rotation=90 * narrow, ha="center", va="center")


def _draw_path(axes: Axes, view: View, rank: Int[np.ndarray, "*event"]) -> None:
    """The way from each coefficient to the next; along a single row there would be nothing to see."""
    if view.height == 1:
        return
    places = np.argwhere(view.cells >= 0)
    path = places[rank.ravel()[view.cells[view.cells >= 0]].argsort()]
    jumps = np.abs(np.diff(path, axis=0)).sum(1)
    if jumps.mean() < (view.height + view.width) / 8:  # a path of long jumps would only hide the colours
        axes.plot(path[:, 1], path[:, 0], color="white", linewidth=0.5, alpha=0.7)
