"""Many images as tiles in one pair of axes, as in the usual figures of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tensorar.plotting.image import Corner, hide_axes
from tensorar.plotting.style import LINE_COLOR, NORMAL_FONT
from tensorar.plotting.view import View


@dataclass(frozen=True)
class Tiles:
    """The positions of the tiles of a grid, in cells; ``gap`` is a fraction of the size of a tile."""

    view: View
    rows: int
    columns: int
    gap: float = 0.07

    @property
    def pitch(self) -> tuple[float, float]:
        """The distance between corners of neighboring tiles in x and in y; the gap looks the same in both."""
        w, h, aspect = self.view.width, self.view.height, self.view.cell_aspect
        # tiles that are montages themselves need a larger gap than that between their slices
        gap = max(self.gap * min(w, h * aspect), 2.5 if self.view.kind == "slices" else 0)
        return w + gap, h + gap / aspect

    @property
    def ratio(self) -> float:
        """The displayed height of the grid, divided by its width."""
        x, y = self.pitch
        return self.rows * y * self.view.cell_aspect / (self.columns * x)

    def corner(self, k: int) -> Corner:
        """The corner of tile ``k``, counted row by row."""
        x, y = self.pitch
        return (k % self.columns) * x, (k // self.columns) * y

    def size_in_inches(self, width: float, max_height: float = 8.0) -> tuple[float, float]:
        """The size of a figure of this width, scaled down if it would be taller than ``max_height``."""
        shrink = min(1.0, max_height / (width * self.ratio))
        return max(1.5, width * shrink), max(1.0, width * shrink * self.ratio)

    def draw(self, axes: Axes, count: int, draw_tile: Callable[[int, Corner], None]) -> None:
        """Call ``draw_tile(k, corner)`` for each tile, and fit the axes to the grid."""
        for k in range(count):
            draw_tile(k, self.corner(k))
            self._outline(axes, self.corner(k))
        x, y = self.pitch
        hide_axes(axes)
        axes.set_xlim(-0.5, (self.columns - 1) * x + self.view.width - 0.5)
        axes.set_ylim((self.rows - 1) * y + self.view.height - 0.5, -0.5)

    def _outline(self, axes: Axes, corner: Corner) -> None:
        """Draw a thin border, so that the edges of white images are visible."""
        lower_left, w, h = (corner[0] - 0.5, corner[1] - 0.5), self.view.width, self.view.height
        axes.add_patch(Rectangle(lower_left, w, h, fill=False, edgecolor=LINE_COLOR, linewidth=0.4, clip_on=False))

    def label_rows(self, axes: Axes, names: list[str]) -> None:
        """Write a name beside each row."""
        centers = [k * self.pitch[1] + (self.view.height - 1) / 2 for k in range(len(names))]
        axes.set_yticks(centers, names, fontsize=NORMAL_FONT, parse_math=False)
        axes.tick_params(length=0)

    def label_columns(self, axes: Axes, names: list[str]) -> None:
        """Write a name above each column."""
        for k, name in enumerate(names):
            center = k * self.pitch[0] + (self.view.width - 1) / 2
            axes.annotate(
                name,
                (center, -0.5),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=NORMAL_FONT,
                parse_math=False,
                annotation_clip=False,
            )
