"""Fan charts: the end of a series, and the quantiles of what follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Shaped
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.plotting.style import BLUE, DARK, NORMAL_FONT, SMALL_FONT, new_figure, to_numpy
from tensorar.series import TimeSeries

# steps of the past that are drawn for each step of the forecast, at least so many
PAST_PER_STEP, MIN_PAST = 3, 30
MAX_PANELS = 8
# lines of draws, which would hide the bands of a long forecast
DRAWS, DRAWS_OF_LONG, LONG = 3, 1, 60
MIN_SHADE, MAX_SHADE = 0.18, 0.45


def fan_chart(
    past: TimeSeries,
    draws: Float[Tensor, "draws horizon *frame"],
    quantiles: Float[Tensor, "levels horizon *frame"],
    levels: Sequence[float],
) -> Figure:
    """The end of a series, its continuation as a band between each two quantiles, the middle one as a line.

    Below each other for the first ``MAX_PANELS`` variables; a few draws are thin lines.
    """
    horizon = draws.shape[1]
    shown = min(len(past), max(MIN_PAST, PAST_PER_STEP * horizon))
    known = to_numpy(past.values[-shown:]).reshape(shown, -1)
    lines = draws[: DRAWS if horizon <= LONG else DRAWS_OF_LONG]
    bands, paths = (to_numpy(part).reshape(len(part), horizon, -1) for part in (quantiles, lines))
    times = past.times.at(len(past) - shown, shown + horizon)
    panels = min(known.shape[1], MAX_PANELS)
    figure = new_figure(7, 0.8 + 2.2 * panels if panels == 1 else 0.8 + 1.5 * panels)
    for k, axes in enumerate(figure.subplots(panels, 1, squeeze=False, sharex=True).ravel()):
        _draw(axes, times, known[:, k], bands[..., k], paths[..., k], levels)
        axes.set_ylabel(past.variables[k], fontsize=NORMAL_FONT, parse_math=False)
    _finish(axes, past.times.name, dates=times.dtype.kind == "M")
    # above the lines
    figure.axes[0].legend(fontsize=SMALL_FONT, frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _draw(
    axes: Axes,
    times: Shaped[np.ndarray, " steps"],
    known: Float64[np.ndarray, " past"],
    bands: Float64[np.ndarray, "levels horizon"],
    paths: Float64[np.ndarray, "draws horizon"],
    levels: Sequence[float],
) -> None:
    future = times[len(known) :]
    axes.plot(times[: len(known)], known, color=DARK, linewidth=1.1, label="series")
    pairs = len(levels) // 2
    for k in range(pairs):
        shade = MIN_SHADE + (MAX_SHADE - MIN_SHADE) * k / max(1, pairs - 1)
        label = f"{levels[k]:g} to {levels[-1 - k]:g}"
        axes.fill_between(future, bands[k], bands[-1 - k], color=BLUE, alpha=shade, linewidth=0, label=label)
    for k, path in enumerate(paths):
        axes.plot(future, path, color=BLUE, linewidth=0.6, alpha=0.5, label="" if k else "draws")
    if len(levels) % 2:
        axes.plot(future, bands[pairs], color=BLUE, linewidth=1.8, label=f"quantile {levels[pairs]:g}")
    axes.tick_params(labelsize=SMALL_FONT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)


def _finish(axes: Axes, name: str, *, dates: bool) -> None:
    axes.set_xlabel(name, fontsize=NORMAL_FONT, parse_math=False)
    if dates:
        locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
