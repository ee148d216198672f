from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from tensorar import Evidence, ShapeError
from tensorar.plotting import inpainting, uncertainty, view_of
from tensorar.plotting.inpainting import MAX_COMPLETIONS
from tensorar.plotting.style import LIGHT
from tests.plotting.figure_helpers import counting, draw, shapes


@settings(max_examples=4)
@given(shapes, st.integers(1, 5), st.sampled_from([0.0, 0.5, 1.0]))
def test_events_of_any_shape(event_shape, n, share_known):
    x = counting(n, event_shape)
    mask = torch.rand(x.shape) < share_known
    figure = draw(uncertainty(Evidence(mask, x), torch.where(mask, 0.0, x), label="entropy (nats)", caption="how"))
    assert figure.get_suptitle() == "how"
    if view_of(event_shape).kind in ("curve", "number"):
        assert len(figure.axes) == 2 * n
        heights = [bar.get_height() for bar in figure.axes[1].patches]
        np.testing.assert_allclose(heights, torch.where(mask, 0.0, x)[0].flatten())
    else:
        assert len(figure.axes[0].images) == 2 * n
        assert figure.axes[1].get_ylabel() == "entropy (nats)"


def test_a_map_is_brighter_where_more_uncertain_and_gray_where_known():
    mask = torch.tensor([[[True, False], [False, False]]])
    axes = uncertainty(Evidence(mask, torch.zeros(1, 2, 2)), torch.tensor([[[0.0, 0.2], [0.6, 0.4]]])).axes[0]
    shown = axes.images[1].get_array()
    np.testing.assert_allclose(shown[0, 0], to_rgb(LIGHT))
    luminance = shown @ [0.2126, 0.7152, 0.0722]
    assert luminance[0, 1] < luminance[1, 1] < luminance[1, 0]
    assert [label.get_text() for label in axes.texts] == ["evidence", "uncertainty"]


def test_unknown_channels_of_a_pixel_are_averaged():
    mask = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    mask[:, 0] = True
    value = torch.where(mask, 0.0, torch.tensor([0.0, 1.0, 3.0]).reshape(3, 1, 1).expand(1, 3, 2, 2))
    value[..., 1, 1] = torch.tensor([0.0, 2.0, 2.0])
    shown = uncertainty(Evidence(mask, torch.zeros(1, 3, 2, 2)), value).axes[0].images[1].get_array()
    np.testing.assert_allclose(shown[0, 0], shown[1, 1])


def test_a_long_caption_is_wrapped_to_the_width_and_does_not_overlap():
    x = counting(2, (4, 4))
    caption = "sequential Monte Carlo, 64 particles, effective sample size 3.2, log evidence -12.3 +- 0.4 nats " * 2
    for figure in (
        inpainting(x, Evidence(x < 4, x), x.unsqueeze(1), caption=caption),
        uncertainty(Evidence(x < 4, x), x, caption=caption),
    ):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer, title = canvas.get_renderer(), figure._suptitle
        box, width = title.get_window_extent(renderer), figure.bbox.width
        assert box.x0 >= 0 and box.x1 <= width, "nothing is cut off"
        assert title.get_text().replace("\n", " ") == caption.strip()
        for label in figure.axes[0].texts:
            assert label.get_window_extent(renderer).y1 <= box.y0


def test_many_completions_are_not_all_drawn_and_the_caption_says_so():
    x = counting(1, (2, 2))
    figure = inpainting(None, Evidence(x < 2, x), x.unsqueeze(1).expand(1, 30, 2, 2), caption="naive")
    assert len(figure.axes[0].images) == 1 + MAX_COMPLETIONS
    assert figure.get_suptitle() == f"naive; {MAX_COMPLETIONS} of 30 completions"
    assert inpainting(None, Evidence(x < 2, x), x.unsqueeze(1)).get_suptitle() == ""


@pytest.mark.usefixtures("without_shape_checks")
def test_an_uncertainty_of_another_shape_is_an_error():
    with pytest.raises(ShapeError, match="the uncertainty of shape"):
        uncertainty(Evidence.none(2, (3,)), torch.zeros(2, 4))
