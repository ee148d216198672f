from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorar import ShapeError
from tensorar.plotting import event_grid, samples_with_means, side_by_side, view_of
from tests.plotting.figure_helpers import counting, draw, gray, shapes


@settings(max_examples=4)
@given(shapes, st.integers(1, 5), st.booleans())
def test_events_of_any_shape(event_shape, n, constant):
    events = counting(n, event_shape) * (not constant)
    figure = draw(event_grid(events, title="events with a $ in \\their title", columns=2))
    panels = {"curve": n}.get(view_of(event_shape).kind, 1)
    assert sum(axes.get_visible() for axes in figure.axes) == panels


@settings(max_examples=6)
@given(shapes)
def test_side_by_side_of_any_shape(event_shape):
    figure = draw(side_by_side({"training": counting(3, event_shape), "generated": counting(1, event_shape)}))
    assert [panel.get_suptitle() for panel in figure.subfigs] == ["training", "generated"]


@settings(max_examples=6)
@given(shapes)
def test_samples_with_means_of_any_shape(event_shape):
    samples = torch.bernoulli(torch.full((3, *event_shape), 0.5))
    assert len(draw(samples_with_means(samples, samples * 0.8 + 0.1)).subfigs) == 2


def test_pixels_are_the_values():
    events = counting(4, (1, 3, 5))
    (axes,) = event_grid(events).axes
    assert len(axes.images) == 4
    for image, event in zip(axes.images, events.numpy(), strict=True):
        np.testing.assert_allclose(image.get_array(), gray(event[0], 0, 59))


def test_the_range_can_be_given():
    (axes,) = event_grid(torch.tensor([[[0.0, 1.0], [2.0, 9.0]]]), low=-1, high=3).axes
    np.testing.assert_allclose(axes.images[0].get_array()[..., 0], [[0.25, 0.5], [0.75, 1.0]])


def test_rgb_keeps_its_colors():
    event = torch.rand(1, 3, 4, 5)
    (axes,) = event_grid(event, low=0, high=1).axes
    np.testing.assert_allclose(axes.images[0].get_array(), event[0].permute(1, 2, 0).numpy())


def test_tiles_do_not_touch():
    (axes,) = event_grid(counting(4, (6, 6)), columns=2).axes
    left, right, below = (axes.images[k].get_extent() for k in range(3))
    assert left[1] < right[0]
    assert left[2] < below[3]


def test_the_gap_between_slices_is_white():
    (axes,) = event_grid(torch.zeros(1, 2, 3, 3)).axes
    shown = axes.images[0].get_array()
    assert (shown[:, 3] == 1).all()
    assert (shown[:, :3] == 0).all()


def test_curves_hold_the_values():
    events = counting(3, (7,))
    figure = event_grid(events)
    drawn = [axes.lines[0].get_ydata() for axes in figure.axes if axes.get_visible()]
    np.testing.assert_array_equal(drawn, events.numpy())


def test_many_curves_share_sixteen_panels():
    figure = event_grid(counting(40, (7,)))
    assert len(figure.axes) == 16
    assert sum(len(axes.lines) for axes in figure.axes) == 40


def test_curves_in_any_number_of_columns():
    for columns, count in ((1, 16), (7, 16), (20, 20), (50, 40)):
        figure = event_grid(counting(40, (3,)), columns=columns)
        assert sum(axes.get_visible() for axes in figure.axes) == count
        assert sum(len(axes.lines) for axes in figure.axes) == 40


def test_the_histogram_counts_everything():
    (axes,) = event_grid(torch.tensor([0.0, 1.0, 1.0, 3.0])).axes
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [0.25, 0.5, 0, 0.25])


def test_both_sides_have_the_same_range():
    figure = side_by_side({"a": torch.zeros(1, 2, 2), "b": torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])})
    first, second = (part.axes[0].images[0].get_array() for part in figure.subfigs)
    assert (first == 0).all()
    assert second[0, 0, 0] == 0.25


def test_non_finite_values_can_be_drawn():
    for event_shape in [(), (4,), (2, 2)]:
        events = counting(3, event_shape)
        events.view(-1)[:3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
        draw(event_grid(events))


@pytest.mark.parametrize("events", [torch.tensor(1.0), torch.zeros(0, 3)])
@pytest.mark.usefixtures("without_shape_checks")
def test_an_empty_batch_is_an_error(events):
    with pytest.raises(ShapeError, match="at least one"):
        event_grid(events)


@pytest.mark.usefixtures("without_shape_checks")
def test_wrong_shapes_are_errors():
    with pytest.raises(ShapeError, match="means of shape"):
        samples_with_means(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ShapeError, match="at least one column"):
        side_by_side({})
