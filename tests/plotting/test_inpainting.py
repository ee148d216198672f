from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import PathPatch

from tensorar import Evidence, ShapeError
from tensorar.plotting import inpainting, view_of
from tests.plotting.figure_helpers import counting, draw, is_gray, shapes


@settings(max_examples=4)
@given(shapes, st.integers(1, 3), st.integers(0, 3), st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))
def test_events_of_any_shape(event_shape, n, completions, with_original, share_known):
    x = counting(n, event_shape)
    mask = torch.rand(x.shape) < share_known
    original = x if with_original else None
    figure = draw(inpainting(original, Evidence(mask, x), torch.stack([x] * (completions + 2), 1)))
    columns = completions + 3 + with_original
    if view_of(event_shape).kind in ("curve", "number"):
        assert len(figure.axes) == n * columns
    else:
        assert len(figure.axes[0].images) == n * columns


@pytest.fixture
def halves():
    x = torch.tensor([[[0.0, 1.0], [0.0, 0.5]]])
    mask = torch.tensor([[[True, True], [False, False]]])
    (axes,) = inpainting(x, Evidence(mask, x), torch.stack([x, x], 1)).axes
    return axes


def test_unknown_cells_are_not_gray(halves):
    original, evidence, *completions = [image.get_array() for image in halves.images]
    assert (is_gray(evidence) == [[True, True], [False, False]]).all()
    np.testing.assert_array_equal(evidence[0], original[0])
    assert all(is_gray(shown).all() for shown in (original, *completions))


def test_unknown_cells_are_hatched(halves):
    (hatched,) = [patch for patch in halves.patches if isinstance(patch, PathPatch)]
    corners = hatched.get_path().vertices
    x = halves.images[1].get_extent()[0]
    np.testing.assert_allclose([corners.min(0), corners.max(0)], [(x, 0.5), (x + 2, 1.5)])


def test_columns_are_named(halves):
    names = [label.get_text() for label in halves.texts]
    assert names == ["original", "evidence", "completion 1", "completion 2"]


def test_rgb_pixels_show_their_known_channels():
    x = torch.ones(1, 3, 2, 2)
    mask = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    mask[:, 0, 0] = True
    (axes,) = inpainting(None, Evidence(mask, x), x.unsqueeze(1)).axes
    shown = axes.images[0].get_array()
    np.testing.assert_array_equal(shown[0], [(1, 0, 0), (1, 0, 0)])
    (hatched,) = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    assert len(hatched.get_path().vertices) == 4 * 5


def test_curves_draw_known_values_over_completed_ones():
    x = torch.tensor([[1.0, 2.0, 3.0]])
    mask = torch.tensor([[True, False, True]])
    evidence, completion = inpainting(None, Evidence(mask, x), torch.tensor([[[1.0, 7.0, 3.0]]])).axes
    np.testing.assert_array_equal(evidence.lines[0].get_ydata(), [1, np.nan, 3])
    filled, known = completion.lines
    np.testing.assert_array_equal(filled.get_ydata(), [1, 7, 3])
    np.testing.assert_array_equal(known.get_ydata(), [1, np.nan, 3])
    assert filled.get_color() != known.get_color()
    (background,) = evidence.patches
    assert (background.get_x(), background.get_width()) == (0.5, 1)


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 4), (1, 1, 3)])
@pytest.mark.usefixtures("without_shape_checks")
def test_completions_of_another_shape_are_an_error(shape):
    with pytest.raises(ShapeError, match="completions of shape"):
        inpainting(None, Evidence.none(2, (3,)), torch.zeros(shape))


@pytest.mark.usefixtures("without_shape_checks")
def test_an_original_of_another_shape_is_an_error():
    with pytest.raises(ShapeError, match="the original of shape"):
        inpainting(torch.zeros(2, 4), Evidence.none(2, (3,)), torch.zeros(2, 1, 3))
