"""In-painting: what was given, and what the model made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.plotting.curve import draw_curve, shade_unknown
from tensorar.plotting.image import draw_image
from tensorar.plotting.style import NORMAL, ORANGE, Limits, limits_of, look, new_figure, numbers, same_shape
from tensorar.plotting.tiles import Tiles
from tensorar.plotting.view import View


@dataclass(frozen=True, eq=False)
class _Column:
    """One column of the picture: events, and whether they hide the unknown or have it filled in."""

    name: str
    values: Float64[np.ndarray, "n *event"]
    hides: bool = False
    filled: bool = False


def inpainting(
    original: Shaped[Tensor, "n *event"] | None,
    evidence: Evidence,
    completions: Shaped[Tensor, "n completions *event"],
    *,
    low: float | None = None,
    high: float | None = None,
) -> Figure:
    """A row per example: the original where it is known, the evidence with the unknown hatched, the completions.

    Curves show what was known dark and what was completed in colour. Raises ``ShapeError`` when shapes do not match.
    """
    _require_shapes(original, evidence, completions)
    view, given = look(evidence.value, what="evidence")
    known = evidence.mask.cpu().numpy()
    columns = [] if original is None else [_Column("original", numbers(original))]
    columns.append(_Column("evidence", given, hides=True))
    filled = numbers(completions).swapaxes(0, 1)
    columns.extend(_Column(f"completion {k}", values, filled=True) for k, values in enumerate(filled, start=1))
    shown = [given[known], *(column.values for column in columns if not column.hides)]
    draw = _curves if view.kind in ("curve", "number") else _images
    return draw(view, columns, known, limits_of(shown, low, high))


def _require_shapes(original: Tensor | None, evidence: Evidence, completions: Tensor) -> None:
    shape = tuple(evidence.mask.shape)
    if completions.ndim != len(shape) + 1:
        raise ShapeError(
            expected=f"completions of shape {(*shape[:1], 'completions', *shape[1:])}",
            got=f"{tuple(completions.shape)}",
            remedy="stack the completions of each example along axis 1",
        )
    same_shape("completions", completions.shape, (*shape[:1], completions.shape[1], *shape[1:]))
    if original is not None:
        same_shape("the original", original.shape, shape)


def _images(view: View, columns: list[_Column], known: Bool[np.ndarray, "n *event"], limits: Limits) -> Figure:
    tiles = Tiles(view, len(known), len(columns))
    width, height = tiles.inches(1.2 * len(columns))
    figure = new_figure(width, height + 0.3)
    axes = figure.subplots()

    def draw_tile(k: int, corner: tuple[float, float]) -> None:
        row, column = k // len(columns), columns[k % len(columns)]
        draw_image(axes, view, column.values[row], limits, known[row] if column.hides else None, corner)

    tiles.draw(axes, len(known) * len(columns), draw_tile)
    tiles.head_columns(axes, [column.name for column in columns])
    return figure


def _curves(view: View, columns: list[_Column], known: Bool[np.ndarray, "n *event"], limits: Limits) -> Figure:
    figure = new_figure(0.6 + 1.9 * len(columns), 0.7 + 1.2 * len(known))
    grid = figure.subplots(len(known), len(columns), squeeze=False, sharex=True, sharey=True)
    for panels, column in zip(grid.T, columns, strict=True):
        panels[0].set_title(column.name, fontsize=NORMAL)
        rows = zip(panels, column.values.reshape(len(known), -1), known.reshape(len(known), -1), strict=True)
        for axes, event, mask in rows:
            _draw_curves(axes, column, event, mask, limits)
    figure.supxlabel("coefficient", fontsize=NORMAL)
    figure.supylabel("value", fontsize=NORMAL)
    return figure


def _draw_curves(
    axes: Axes,
    column: _Column,
    event: Float64[np.ndarray, " length"],
    known: Bool[np.ndarray, " length"],
    limits: Limits,
) -> None:
    """What is known lies dark over what was filled in."""
    if column.filled:
        draw_curve(axes, event, limits, colour=ORANGE)
    if column.filled or column.hides:
        shade_unknown(axes, known)
    draw_curve(axes, event, limits, known=known if column.filled or column.hides else None)
