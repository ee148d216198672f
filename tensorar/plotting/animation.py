"""An animation of generation: the mask, the values so far, and the next coefficient's distribution, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tensorar.plotting.posterior import (
    WIDTH_RATIOS,
    PosteriorStep,
    add_legend,
    draw_step,
    predicted_of,
    shared_limits,
)
from tensorar.plotting.predictive import log_limits, support_limits
from tensorar.plotting.save import save_gif
from tensorar.plotting.style import new_figure

MAX_FRAMES = 60
FRAMES_PER_SECOND = 6
DPI = 80


def frames_of(n: int, most: int = MAX_FRAMES) -> list[int]:
    """At most so many of ``n`` steps, evenly spaced, including the first and the last.

    >>> frames_of(3), len(frames_of(784)), frames_of(784)[-1]
    ([0, 1, 2], 60, 783)
    """
    count = min(n, most)
    return [round(k * (n - 1) / max(1, count - 1)) for k in range(count)]


def save_animation(
    steps: Sequence[PosteriorStep], path: Path | str, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a GIF with a frame for each step, atomically; axes have the same limits in all frames.

    Drawing a frame takes a few tenths of a second; ``progress(frames_done, frames)`` is called after each. Raises
    ``ShapeError`` if there are no steps, ``RunError`` if the file cannot be written.
    """
    frames = Frames(steps)

    def draw(k: int) -> None:
        frames.draw(k)
        if progress is not None:
            progress(k + 1, len(steps))

    save_gif(frames.figure, draw, len(steps), path, fps=FRAMES_PER_SECOND, dpi=DPI)


class Frames:
    """One figure in which the steps are drawn one after another; the axes stay in place."""

    def __init__(self, steps: Sequence[PosteriorStep]) -> None:
        self.steps, self.limits = steps, shared_limits(steps)
        self.predicted = [predicted_of(step) for step in steps]
        self.probability_limits = log_limits(self.predicted)
        self.figure = new_figure(9, 2.7)
        self.axes = list(self.figure.subplots(1, 3, width_ratios=WIDTH_RATIOS))

    def draw(self, k: int) -> None:
        """Draw a step in place of the last one; the first one fixes the layout."""
        for axes in self.axes:
            axes.clear()
        draw_step(self.axes, self.steps[k], self.limits, self.probability_limits)
        self.axes[2].set_xlim(*support_limits(self.predicted))
        if k == 0:
            add_legend(self.figure, [self.axes[2]])
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")
