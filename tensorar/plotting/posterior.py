"""The predictive distribution of the next coefficient, step by step, with the mask and the values so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.plotting.curve import draw_curve, shade_unknown
from tensorar.plotting.image import draw_image, hide_axes, mark
from tensorar.plotting.masks import draw_mask
from tensorar.plotting.predictive import Predicted, draw_predicted
from tensorar.plotting.style import (
    NORMAL_FONT,
    RED,
    SMALL_FONT,
    Limits,
    check_same_shape,
    new_figure,
    to_numpy,
    value_limits,
)
from tensorar.plotting.titles import separate_titles
from tensorar.plotting.view import View, view_of
from tensorar.plotting.wording import Wording

WIDTH_RATIOS = (1, 1.15, 1.5)


@dataclass(frozen=True, eq=False)
class PosteriorStep:
    """One step of one example: the known values, the next coefficient (flat index), and its predicted distribution.

    ``probabilities`` are those of the values in ``support``, or densities at these values if ``density`` is True.
    ``truth`` is the actual value and ``exact`` the true distribution, or None if unknown. ``axes`` are the names of the
    event's axes (None: guessed from its shape). ``wording``: how a table names coefficients and writes values.

    Raises ``ShapeError`` if shapes do not match or the coefficient is out of range.
    """

    mask: Bool[Tensor, "*event"]
    values: Real[Tensor, "*event"]
    coefficient: int
    support: Real[Tensor, " k"]
    probabilities: Float[Tensor, " k"]
    truth: float | None = None
    exact: Float[Tensor, " k"] | None = None
    density: bool = False
    axes: AxisNames | None = None
    wording: Wording | None = None

    def __post_init__(self) -> None:
        check_same_shape("values", self.values.shape, self.mask.shape)
        check_same_shape("probabilities", self.probabilities.shape, (self.support.numel(),))
        if self.exact is not None:
            check_same_shape("exact probabilities", self.exact.shape, self.probabilities.shape)
        if self.support.numel() == 0 or not 0 <= self.coefficient < self.mask.numel():
            raise ShapeError(
                expected=f"a coefficient from 0 to {self.mask.numel() - 1} and at least one value of its support",
                got=f"coefficient {self.coefficient} and {self.support.numel()} values",
                remedy="pass the flat index of the next coefficient and the values it can take",
            )


def posterior(steps: Sequence[PosteriorStep]) -> Figure:
    """A row per step: the mask, the values so far with the next coefficient in red, its predicted distribution.

    Probabilities are on a log scale. Raises ``ShapeError`` if there are no steps.
    """
    limits = shared_limits(steps)
    figure = new_figure(9, 0.5 + 2.1 * len(steps))
    grid = figure.subplots(len(steps), 3, squeeze=False, width_ratios=WIDTH_RATIOS)
    for row, step in zip(grid, steps, strict=True):
        draw_step(list(row), step, limits)
    add_legend(figure, grid[:, 2])
    return separate_titles(figure)


def shared_limits(steps: Sequence[PosteriorStep]) -> Limits:
    """The range of all values in some steps. Raises ``ShapeError`` if there are no steps."""
    if not steps:
        raise ShapeError(expected="at least one step", got="none", remedy="pass the steps to draw")
    known = [to_numpy(s.values)[s.mask.cpu().numpy()] for s in steps]
    truths = np.array([s.truth for s in steps if s.truth is not None], dtype=float)
    return value_limits([*known, truths, *(to_numpy(s.support) for s in steps)])


def draw_step(
    row: Sequence[Axes], step: PosteriorStep, limits: Limits, probability_limits: Limits | None = None
) -> None:
    """Draw the mask, the values so far, and the predicted distribution in three axes."""
    _draw_mask(row[0], step)
    _draw_values(row[1], step, limits)
    draw_predicted(row[2], predicted_of(step), probability_limits)


def add_legend(figure: Figure, rows: Iterable[Axes]) -> None:
    """Add one legend for the predicted distributions in some axes, below them."""
    handles = {label: h for axes in rows for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower right", ncols=3, fontsize=SMALL_FONT, frameon=False
    )


def _draw_mask(axes: Axes, step: PosteriorStep) -> None:
    view = view_of(tuple(step.mask.shape), axes=step.axes, color=False)
    draw_mask(axes, view, step.mask.cpu().numpy(), step.coefficient)
    axes.set_title(f"step {int(step.mask.sum())}: known coefficients", fontsize=NORMAL_FONT)


def _draw_values(axes: Axes, step: PosteriorStep, limits: Limits) -> None:
    view = view_of(tuple(step.mask.shape), axes=step.axes)
    known, values = step.mask.cpu().numpy(), to_numpy(step.values)
    if view.kind in ("curve", "number"):
        shade_unknown(axes, known)
        draw_curve(axes, values, limits, known=known)
        _mark_on_curve(axes, step)
    else:
        draw_image(axes, view, values, limits, known)
        mark(axes, view, step.coefficient)
        hide_axes(axes)
    axes.set_title(f"next coefficient: {coordinates(step, view)}", fontsize=NORMAL_FONT)


def _mark_on_curve(axes: Axes, step: PosteriorStep) -> None:
    axes.axvline(step.coefficient, color=RED, linewidth=1, linestyle=":")
    if step.truth is not None:
        axes.plot(step.coefficient, step.truth, "o", color=RED, markersize=5)
    axes.set_xlabel("coefficient", fontsize=SMALL_FONT)
    axes.set_ylabel("value", fontsize=SMALL_FONT)


def coordinates(step: PosteriorStep, view: View) -> str:
    """The coefficient as an index into the event: ``(0, 3, 5)``, a number if it has one axis; or its name."""
    if step.wording is not None:
        return step.wording.names[step.coefficient]
    index = tuple(int(i) for i in np.unravel_index(step.coefficient, view.event_shape or (1,)))
    return str(index) if len(index) > 1 else str(index[0])


def predicted_of(step: PosteriorStep) -> Predicted:
    """The predicted distribution of a step, sorted by value."""
    support = to_numpy(step.support)
    by_value = support.argsort()
    exact = None if step.exact is None else to_numpy(step.exact)[by_value]
    values, probabilities = support[by_value], to_numpy(step.probabilities)[by_value]
    texts = None if step.wording is None else step.wording.write(step.coefficient, values.tolist())
    return Predicted(values, probabilities, exact, step.truth, step.density, texts)
