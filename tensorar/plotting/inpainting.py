"""In-painting: the evidence and its completions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.plotting.curve import curve_grid, draw_curve, shade_unknown
from tensorar.plotting.image import draw_image
from tensorar.plotting.style import (
    NORMAL_FONT,
    ORANGE,
    Limits,
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

MAX_COMPLETIONS = 10  # more columns would be too small to see


@dataclass(frozen=True, eq=False)
class _Column:
    """One column of the figure: events whose unknown coefficients are hidden, filled in, or neither."""

    name: str
    values: Float64[np.ndarray, "n *event"]
    masked: bool = False
    filled: bool = False


def inpainting(
    original: Shaped[Tensor, "n *event"] | None,
    evidence: Evidence,
    completions: Shaped[Tensor, "n completions *event"],
    *,
    low: float | None = None,
    high: float | None = None,
    caption: str = "",
    axes: AxisNames | None = None,
) -> Figure:
    """A row per example: the original if it is given, the evidence with unknown cells hatched, and the completions.

    Known parts of curves are dark, completed parts colored. Only the first ten completions are shown; if there are
    more, a note is added to the ``caption``. Raises ``ShapeError`` if shapes do not match.
    """
    _require_shapes(original, evidence, completions)
    view, observed = view_and_values(evidence.value, what="evidence", axes=axes)
    known = evidence.mask.cpu().numpy()
    columns = [] if original is None else [_Column("original", to_numpy(original))]
    columns.append(_Column("evidence", observed, masked=True))
    filled = to_numpy(completions[:, :MAX_COMPLETIONS]).swapaxes(0, 1)
    columns.extend(_Column(f"completion {k}", values, filled=True) for k, values in enumerate(filled, start=1))
    visible = [observed[known], *(column.values for column in columns if not column.masked)]
    draw = _curves if view.kind in ("curve", "number") else _images
    figure = draw(view, columns, known, value_limits(visible, low, high))
    count = completions.shape[1]
    notes = [caption, f"{MAX_COMPLETIONS} of {count} completions" if count > MAX_COMPLETIONS else ""]
    if text := "; ".join(note for note in notes if note):
        add_caption(figure, text)
    return separate_titles(figure)


def _require_shapes(original: Tensor | None, evidence: Evidence, completions: Tensor) -> None:
    shape = tuple(evidence.mask.shape)
    if completions.ndim != len(shape) + 1:
        raise ShapeError(
            expected=f"completions of shape {(*shape[:1], 'completions', *shape[1:])}",
            got=f"{tuple(completions.shape)}",
            remedy="stack the completions of each example along axis 1",
        )
    check_same_shape("completions", completions.shape, (*shape[:1], completions.shape[1], *shape[1:]))
    if original is not None:
        check_same_shape("the original", original.shape, shape)


def _images(view: View, columns: list[_Column], known: Bool[np.ndarray, "n *event"], limits: Limits) -> Figure:
    tiles = Tiles(view, len(known), len(columns))
    width, height = tiles.size_in_inches(1.2 * len(columns))
    figure = new_figure(width, height + 0.3)
    axes = figure.subplots()

    def draw_tile(k: int, corner: tuple[float, float]) -> None:
        row, column = k // len(columns), columns[k % len(columns)]
        draw_image(axes, view, column.values[row], limits, known[row] if column.masked else None, corner)

    tiles.draw(axes, len(known) * len(columns), draw_tile)
    tiles.label_columns(axes, [column.name for column in columns])
    return figure


def _curves(view: View, columns: list[_Column], known: Bool[np.ndarray, "n *event"], limits: Limits) -> Figure:
    figure = new_figure(0.6 + 1.9 * len(columns), 0.7 + 1.2 * len(known))
    grid = curve_grid(figure, len(known), len(columns))
    for panels, column in zip(grid.T, columns, strict=True):
        panels[0].set_title(column.name, fontsize=NORMAL_FONT)
        rows = zip(panels, column.values.reshape(len(known), -1), known.reshape(len(known), -1), strict=True)
        for axes, event, mask in rows:
            _draw_curves(axes, column, event, mask, limits)
    figure.supxlabel("coefficient", fontsize=NORMAL_FONT)
    figure.supylabel("value", fontsize=NORMAL_FONT)
    return figure


def _draw_curves(
    axes: Axes,
    column: _Column,
    event: Float64[np.ndarray, " length"],
    known: Bool[np.ndarray, " length"],
    limits: Limits,
) -> None:
    """Draw the known values dark, over the completed ones."""
    if column.filled:
        draw_curve(axes, event, limits, color=ORANGE)
    if column.filled or column.masked:
        shade_unknown(axes, known)
    draw_curve(axes, event, limits, known=known if column.filled or column.masked else None)
