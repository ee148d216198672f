"""Events of several classes: a titled row of each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Shaped
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.plotting.curve import draw_curve
from tensorar.plotting.grid import draw_events
from tensorar.plotting.image import draw_image
from tensorar.plotting.style import NORMAL_FONT, Limits, new_figure, short_name, to_numpy, value_limits
from tensorar.plotting.tiles import Tiles
from tensorar.plotting.view import View, view_of

MAX_NAME_LENGTH = 24


def class_rows(events: dict[str, Shaped[Tensor, "n *event"]], *, axes: AxisNames | None = None) -> Figure:
    """A row of events for each class, with its name: tiled images, curves in one panel, or a histogram of numbers.

    ``axes`` names the axes of an event (default: guessed from its shape). Raises ``ShapeError`` unless
    there are classes with equally many events each.
    """
    if not events or len({tuple(some.shape) for some in events.values()}) > 1 or not len(next(iter(events.values()))):
        raise ShapeError(
            expected="equally many events of each class",
            got=f"{len(events)} classes",
            remedy="pass at least one of each",
        )
    names = [short_name(name, MAX_NAME_LENGTH) for name in events]
    values = np.stack([to_numpy(some) for some in events.values()])
    view = view_of(tuple(values.shape[2:]), axes=axes)
    limits = value_limits([values])
    return (
        _panels(names, values, view, limits)
        if view.kind in ("number", "curve")
        else _tiled(names, values, view, limits)
    )


def _tiled(names: list[str], values: Float64[np.ndarray, "k n *event"], view: View, limits: Limits) -> Figure:
    tiles = Tiles(view, len(names), values.shape[1])
    width, height = tiles.size_in_inches(6, max_height=11)
    figure = new_figure(width + 0.08 * max(map(len, names)), height)
    axes = figure.subplots()
    flat = values.reshape(-1, *values.shape[2:])
    tiles.draw(axes, len(flat), lambda k, corner: draw_image(axes, view, flat[k], limits, corner=corner))
    tiles.label_rows(axes, names)
    return figure


def _panels(names: list[str], values: Float64[np.ndarray, "k n *event"], view: View, limits: Limits) -> Figure:
    figure = new_figure(6, 1.4 * len(names))
    panels = figure.subfigures(len(names), 1, squeeze=False)[:, 0]
    for panel, name, some in zip(panels, names, values, strict=True):
        panel.suptitle(name, fontsize=NORMAL_FONT, parse_math=False)
        if view.kind == "number":
            draw_events(panel, view, some, limits, None)
            continue
        axes = panel.subplots()
        for event in some:
            draw_curve(axes, event, limits)
    return figure
