from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from tensorar import Order, ShapeError, build
from tensorar.plotting import PosteriorStep, posterior, posterior_steps, view_of
from tensorar.plotting.style import RED
from tests.plotting.figure_helpers import draw, shapes


def step_of(event_shape, t=0, **others):
    order = Order.raster(event_shape)
    values = torch.arange(math.prod(event_shape)).reshape(event_shape).float()
    probabilities = torch.tensor([0.7, 0.3, 0.0])
    return replace(
        PosteriorStep(order.mask_before(t), values, int(order.visits[t]), torch.arange(3.0), probabilities, 1.0),
        **others,
    )


@settings(max_examples=4)
@given(shapes, st.data())
def test_events_of_any_shape(event_shape, data):
    steps = data.draw(st.lists(st.integers(0, math.prod(event_shape) - 1), min_size=1, max_size=2))
    exact = torch.tensor([0.5, 0.25, 0.25]) if data.draw(st.booleans()) else None
    truth = data.draw(st.sampled_from([None, 1.0]))
    others = {"exact": exact, "truth": truth, "density": data.draw(st.booleans())}
    figure = draw(posterior([step_of(event_shape, t, **others) for t in steps]))
    assert len(figure.axes) == 3 * len(steps)


@settings(max_examples=4)
@given(shapes, st.data())
def test_the_next_coefficient_is_marked_at_its_position(event_shape, data):
    t = data.draw(st.integers(0, math.prod(event_shape) - 1))
    mask, values, _ = posterior([step_of(event_shape, t)]).axes
    view = view_of(event_shape, color=False)
    np.testing.assert_allclose(mask.images[0].get_array()[view.position(t)], to_rgb(RED))
    view = view_of(event_shape)
    if view.kind in ("curve", "number"):
        assert values.lines[-1].get_xydata().tolist() == [[t, 1.0]]
    else:
        square = values.patches[-1]
        row, column = view.position(t)
        assert square.get_edgecolor()[:3] == pytest.approx(to_rgb(RED))
        assert square.get_center() == pytest.approx((column, row))
    index = ", ".join(str(i) for i in np.unravel_index(t, event_shape or (1,)))
    assert values.get_title() == f"next coefficient: {index if len(event_shape) < 2 else f'({index})'}"
    assert f"step {t}:" in mask.get_title()


def test_unknown_values_are_not_drawn():
    values = posterior([step_of((4,), 2)]).axes[1]
    np.testing.assert_array_equal(values.lines[0].get_ydata(), [0, 1, np.nan, np.nan])


def test_bars_have_the_height_of_the_probabilities_on_a_log_scale():
    axes = posterior([step_of((4,))]).axes[2]
    assert axes.get_yscale() == "log"
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights[:2], [0.7, 0.3])
    assert heights[2] <= axes.get_ylim()[0]


def test_the_exact_distribution_and_the_true_value_are_drawn():
    axes = posterior([step_of((4,), exact=torch.tensor([0.5, 0.25, 0.25]))]).axes[2]
    exact, truth = axes.lines
    np.testing.assert_allclose(exact.get_ydata(), [0.5, 0.25, 0.25])
    assert set(truth.get_xdata()) == {1.0}
    assert axes.get_legend_handles_labels()[1] == ["exact", "true value", "predicted"]


def test_densities_are_curves_sorted_by_value():
    support, density = torch.tensor([2.0, 0.0, 1.0]), torch.tensor([0.2, 0.4, 0.3])
    axes = posterior([step_of((4,), support=support, probabilities=density, density=True)]).axes[2]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [(0, 0.4), (1, 0.3), (2, 0.2)])
    assert not axes.patches


@pytest.mark.parametrize("probabilities", [[1.0], [0.0], [1e-30]])
def test_a_support_of_one_value(probabilities):
    for density in (True, False):
        one = {"support": torch.tensor([2.0]), "probabilities": torch.tensor(probabilities), "density": density}
        draw(posterior([step_of((), **one)]))


@pytest.mark.usefixtures("without_shape_checks")
def test_invalid_steps_are_errors():
    with pytest.raises(ShapeError, match="at least one step"):
        posterior([])
    with pytest.raises(ShapeError, match="a coefficient from 0 to 3"):
        step_of((4,), coefficient=4)
    with pytest.raises(ShapeError, match="values of shape"):
        step_of((4,), values=torch.zeros(5))
    with pytest.raises(ShapeError, match="probabilities of shape"):
        step_of((4,), probabilities=torch.ones(2))
    with pytest.raises(ShapeError, match="exact probabilities of shape"):
        step_of((4,), exact=torch.ones(2))


def test_large_ranges_of_counts_are_subsampled():
    model = build((2,), "raster", "negative_binomial:units='13/1'", "fvsbn")
    (step,) = posterior_steps(model, torch.tensor([500_000.0, 3.0]), [0])
    assert len(step.support) <= 1001
    assert 500_000.0 in step.support.tolist()
