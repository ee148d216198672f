"""Many images close together in one pair of axes, as in the classic figures of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tensorar.plotting.image import Corner, bare
from tensorar.plotting.style import LINE, NORMAL
from tensorar.plotting.view import View


@dataclass(frozen=True)
class Tiles:
    """Where the tiles of a grid lie, in cells. The gap is a share of a tile, so that tiny events do not drown in it."""

    view: View
    rows: int
    columns: int
    gap: float = 0.07

    @property
    def pitch(self) -> tuple[float, float]:
        """How far apart tiles lie in x and in y: the same gap to the eye in both."""
        w, h, aspect = self.view.width, self.view.height, self.view.cell_aspect
        # events that are montages themselves stay apart from each other by more than their slices do
        gap = max(self.gap * min(w, h * aspect), 2.5 if self.view.kind == "slices" else 0)
        return w + gap, h + gap / aspect

    @property
    def ratio(self) -> float:
        """The height of the whole over its width, to the eye."""
        x, y = self.pitch
        return self.rows * y * self.view.cell_aspect / (self.columns * x)

    def corner(self, k: int) -> Corner:
        """The place of the ``k``-th tile, row by row."""
        x, y = self.pitch
        return (k % self.columns) * x, (k // self.columns) * y

    def inches(self, width: float, tallest: float = 8.0) -> tuple[float, float]:
        """A figure's size for tiles up to ``width`` wide, smaller where it would be too tall."""
        shrink = min(1.0, tallest / (width * self.ratio))
        return max(1.5, width * shrink), max(1.0, width * shrink * self.ratio)

    def draw(self, axes: Axes, count: int, draw_tile: Callable[[int, Corner], None]) -> None:
        """Call ``draw_tile(k, corner)`` for each tile, and fit the axes around them all."""
        for k in range(count):
            draw_tile(k, self.corner(k))
            self._outline(axes, self.corner(k))
        x, y = self.pitch
        bare(axes)
        axes.set_xlim(-0.5, (self.columns - 1) * x + self.view.width - 0.5)
        axes.set_ylim((self.rows - 1) * y + self.view.height - 0.5, -0.5)

    def _outline(self, axes: Axes, corner: Corner) -> None:
        """A hair line, without which a white image ends nowhere."""
        place, w, h = (corner[0] - 0.5, corner[1] - 0.5), self.view.width, self.view.height
        axes.add_patch(Rectangle(place, w, h, fill=False, edgecolor=LINE, linewidth=0.4, clip_on=False))

    def head_columns(self, axes: Axes, names: list[str]) -> None:
        """Write a name above each column."""
        centres: Float64[np.ndarray, " columns"] = np.arange(len(names)) * self.pitch[0] + (self.view.width - 1) / 2
        axes.xaxis.tick_top()
        axes.set_xticks(centres, names, fontsize=NORMAL, parse_math=False)
        axes.tick_params(length=0)
