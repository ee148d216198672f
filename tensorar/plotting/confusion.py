"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.plotting.style import NORMAL_FONT, SMALL_FONT, new_figure, short_name, to_numpy

MAX_NUMBERED_CLASSES = 30
MAX_NAME_LENGTH = 16


def confusion_matrix(counts: Int[Tensor, "classes classes"], names: Sequence[str]) -> Figure:
    """How often events of a class (row) are taken for another (column), as shares of each row and in numbers.

    Raises ``ShapeError`` unless there is a name for each class.
    """
    if counts.shape != (len(names), len(names)):
        raise ShapeError(
            expected=f"counts of shape {(len(names), len(names))}",
            got=str(tuple(counts.shape)),
            remedy="name each class",
        )
    numbers = to_numpy(counts)
    shares = numbers / numbers.sum(1, keepdims=True).clip(min=1)
    size = min(9.0, 2.2 + 0.36 * len(names))
    figure = new_figure(size + 0.8, size)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _label(axes, names)
    if len(names) <= MAX_NUMBERED_CLASSES:
        _write(axes, numbers, shares)
    figure.colorbar(image, ax=axes, label="share of the row", shrink=0.8).ax.tick_params(labelsize=SMALL_FONT)
    return figure


def _label(axes: Axes, names: Sequence[str]) -> None:
    short = [short_name(name, MAX_NAME_LENGTH) for name in names]
    every = -(-len(names) // 50)
    ticks = range(0, len(names), every)
    turned = 90 * (max(map(len, short)) > 2)
    axes.set_xticks(ticks, short[::every], fontsize=SMALL_FONT, rotation=turned, parse_math=False)
    axes.set_yticks(ticks, short[::every], fontsize=SMALL_FONT, parse_math=False)
    axes.set_xlabel("most probable class", fontsize=NORMAL_FONT)
    axes.set_ylabel("class", fontsize=NORMAL_FONT)


def _write(axes: Axes, numbers: Float64[np.ndarray, "k k"], shares: Float64[np.ndarray, "k k"]) -> None:
    longest = len(str(int(numbers.max())))
    size = min(SMALL_FONT, 21 / longest) if len(numbers) <= 15 else 4.5
    for (row, column), count in np.ndenumerate(numbers):
        if count:
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:.0f}", color=color, fontsize=size, ha="center", va="center")
