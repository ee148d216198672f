"""Training curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tensorar.plotting.style import BLUE, DARK, NORMAL_FONT, ORANGE, SMALL_FONT, new_figure

Row = Mapping[str, float | int | None]  # the entries of a line of metrics.jsonl that are drawn


def training_curve(rows: Sequence[Row], *, entropy: float | None = None) -> Figure:
    """Nats per event over steps for training and validation, and the exact ``entropy`` of the data if given.

    Rows contain ``step`` and any of ``train_nats`` and ``valid_nats``; missing and non-finite entries are skipped. The
    best validation, whose weights are kept, is marked: where training goes on falling after it, it overfits.
    """
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    _draw(axes, rows, "train_nats", label="training", color=BLUE, linewidth=1, marker=".", markersize=3, alpha=0.8)
    _draw(axes, rows, "valid_nats", label="validation", color=ORANGE, linewidth=1.6, marker="o", markersize=4)
    _mark_best(axes, rows)
    if entropy is not None:
        axes.axhline(entropy, color=DARK, linewidth=1.2, linestyle="--", label="entropy of the data")
    _finish(axes)
    return figure


def _draw(axes: Axes, rows: Sequence[Row], key: str, **style: object) -> None:
    points = [(row.get("step"), row.get(key)) for row in rows]
    known = [(s, v) for s, v in points if s is not None and v is not None and math.isfinite(v)]
    if known:
        steps, nats = zip(*known, strict=True)
        axes.plot(steps, nats, **style)  # type: ignore[arg-type]


def _mark_best(axes: Axes, rows: Sequence[Row]) -> None:
    points = [(value, row["step"]) for row in rows if (value := row.get("valid_nats")) is not None]
    best = min((point for point in points if math.isfinite(point[0])), default=None)
    if best is not None and best[1] is not None:
        axes.axvline(best[1], color=ORANGE, linewidth=0.8, linestyle=":", label="best, kept")


def _finish(axes: Axes) -> None:
    axes.set_xlabel("step", fontsize=NORMAL_FONT)
    axes.set_ylabel("nats per event", fontsize=NORMAL_FONT)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(labelsize=SMALL_FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=SMALL_FONT, frameon=False)
