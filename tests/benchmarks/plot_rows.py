"""Draw the validation curves of all recorded results, a panel for each table: docs/pictures/rows.png.

Run: python tests/benchmarks/plot_rows.py    (after a result was recorded)
"""

from __future__ import annotations

import math
from itertools import groupby
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rows import recipes_of_rows

from tensorar import Recipe
from tensorar.plotting import save
from tensorar.plotting.style import NORMAL_FONT, SMALL_FONT, new_figure
from tensorar.runs.result import read_result

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "rows.png"
COLUMNS, WIDTH, HEIGHT = 2, 5.4, 2.6


def draw() -> Figure:
    """Nats on validation events over seconds of training, and what was published, dashed."""
    trained = [recipe for recipe in recipes_of_rows() if recipe.recorded is not None]
    groups = [(name, list(members)) for name, members in groupby(trained, key=lambda recipe: recipe.row.group)]
    rows = -(-len(groups) // COLUMNS)
    figure = new_figure(COLUMNS * WIDTH, rows * HEIGHT)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for panel in panels[len(groups) :]:
        panel.set_axis_off()
    for panel, (name, members) in zip(panels, groups, strict=False):
        panel.set_title(name, fontsize=NORMAL_FONT)
        draw_panel(panel, members)
    return figure


def draw_panel(axes: Axes, recipes: list[Recipe]) -> None:
    """The curves of a table, each with its published figure in its color."""
    lowest, highest = [], []
    axes.set_prop_cycle(color=colormaps["tab20" if len(recipes) > 10 else "tab10"].colors)
    for recipe in recipes:
        model = read_result(recipe.recorded)["models"][0]
        size = model["likelihood"]["nats"] / (model["likelihood"]["bits_per_dim"] * math.log(2))
        nats = [recipe.row.in_unit(row[3], round(size)) for row in model["curve"]]
        (line,) = axes.plot([row[1] for row in model["curve"]], nats, linewidth=1.2, label=recipe.name)
        lowest.append(min(nats))
        highest.append(sorted(nats)[len(nats) * 3 // 4])
        if recipe.row.theirs is not None:
            axes.axhline(recipe.row.theirs, color=line.get_color(), linewidth=0.8, linestyle="--")
            lowest.append(recipe.row.theirs)
            highest.append(recipe.row.theirs)
    low, high = min(lowest), max(highest)
    axes.set_ylim(low - 0.05 * (high - low), high + 0.2 * (high - low))
    axes.set_xlabel("seconds of training", fontsize=SMALL_FONT)
    axes.set_ylabel(f"validation, {recipes[0].row.unit}", fontsize=SMALL_FONT)
    axes.tick_params(labelsize=SMALL_FONT)
    axes.spines[["top", "right"]].set_visible(False)
    # beside the panel, where it hides no curve
    axes.legend(fontsize=SMALL_FONT, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


if __name__ == "__main__":
    save(draw(), PICTURE)
