"""The predicted distribution of one coefficient on a log scale, with the exact one and the true value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from tensorar.plotting.style import BLUE, DARK, RED, SMALL_FONT, Limits, value_limits
from tensorar.utils.reading import shorten

MAX_DECADES = 8  # probabilities more decades below the maximum are cut off
MAX_WRITTEN, MAX_LETTERS = 4, 14  # texts along an axis
MAX_SEPARATE_BARS = 64  # bars or dots; more would run into each other


@dataclass(frozen=True, eq=False)
class Predicted:
    """Probabilities of the values of a support, or densities at these values, sorted by value.

    ``texts`` are the values as a table writes them, else None.
    """

    support: Float64[np.ndarray, " k"]
    probabilities: Float64[np.ndarray, " k"]
    exact: Float64[np.ndarray, " k"] | None
    truth: float | None
    density: bool
    texts: list[str] | None = None

    def marked(self, most: int = MAX_WRITTEN) -> list[int]:
        """The places of values at which an axis has texts: all, or about equally far apart from end to end."""
        wanted = np.linspace(self.support[0], self.support[-1], min(len(self.support), most))
        return sorted({int(np.abs(self.support - value).argmin()) for value in wanted})


def log_limits(predictions: Sequence[Predicted]) -> Limits:
    """Limits of a log axis for some predictions, in whole decades; zero probabilities do not count."""
    every = np.concatenate([p for one in predictions for p in (one.probabilities, one.exact) if p is not None])
    positive = every[(every > 0) & np.isfinite(every)]
    if len(positive) == 0:
        return 0.1, 1.0
    top = math.ceil(math.log10(positive.max()))
    bottom = math.floor(math.log10(positive.min() / 1.5))
    return 10.0 ** max(bottom, top - MAX_DECADES), 10.0**top


def support_limits(predictions: Sequence[Predicted]) -> Limits:
    """Limits of an axis for the values of some predictions, with room for the bars at its ends."""
    low, high = value_limits([predicted.support for predicted in predictions])
    margin = max(0.03 * (high - low), 0.0 if predictions[0].density else 0.6)
    return low - margin, high + margin


def draw_predicted(axes: Axes, predicted: Predicted, limits: Limits | None = None) -> None:
    """Draw probabilities as bars and densities as a curve; the exact ones black, the true value red."""
    bottom, top = limits or log_limits([predicted])
    _draw_model(axes, predicted, bottom)
    _draw_exact(axes, predicted, bottom)
    if predicted.truth is not None:
        # behind the bars: with 256 levels it would hide the bar of the true value
        axes.axvline(predicted.truth, color=RED, linewidth=1.3, linestyle="--", label="true value", zorder=0)
    axes.set_yscale("log")
    axes.set_ylim(bottom, 1.3 * top)
    _label(axes, predicted)


def _draw_model(axes: Axes, predicted: Predicted, bottom: float) -> None:
    x, y = predicted.support, predicted.probabilities.clip(bottom)
    if predicted.density:
        axes.plot(x, y, color=BLUE, linewidth=1.5, marker=_marker(x), label="predicted")
    else:
        axes.bar(x, y, width=_bar_width(x), color=BLUE, alpha=0.75, linewidth=0, label="predicted")


def _draw_exact(axes: Axes, predicted: Predicted, bottom: float) -> None:
    if predicted.exact is None:
        return
    exact = np.where(predicted.exact < bottom, np.nan, predicted.exact)
    dots = not predicted.density and len(exact) <= MAX_SEPARATE_BARS
    style, marker = ("", "o") if dots else ("-", _marker(exact))
    axes.plot(
        predicted.support, exact, linestyle=style, marker=marker, color=DARK, markersize=2.5, linewidth=1, label="exact"
    )


def _marker(x: Float64[np.ndarray, " k"]) -> str:
    """A marker for a line of a single point, which would be invisible."""
    return "o" if len(x) == 1 else ""


def _bar_width(support: Float64[np.ndarray, " k"]) -> float:
    """The width of bars: nearly touching their neighbors, or touching if there are many."""
    steps = np.diff(np.unique(support))
    return (0.85 if len(support) <= MAX_SEPARATE_BARS else 1.0) * (float(steps.min()) if len(steps) else 1.0)


def _label(axes: Axes, predicted: Predicted) -> None:
    whole = bool((predicted.support == predicted.support.round()).all())
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=whole and not predicted.density))
    if predicted.texts is not None:
        marked = predicted.marked()
        axes.set_xticks(predicted.support[marked], [shorten(predicted.texts[i], MAX_LETTERS) for i in marked])
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("value of the next coefficient", fontsize=SMALL_FONT)
    axes.set_ylabel("density" if predicted.density else "probability", fontsize=SMALL_FONT)
    axes.tick_params(labelsize=SMALL_FONT)
    axes.spines[["top", "right"]].set_visible(False)
