from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from tensorar import Order, ShapeError
from tensorar.plotting import order_masks, view_of
from tensorar.plotting.style import DARK, LIGHT, RED
from tests.plotting.figure_helpers import draw, shapes


@settings(max_examples=4)
@given(shapes, st.integers(0, 1000))
def test_orders_of_any_shape(event_shape, seed):
    n = int(np.prod(event_shape))
    order = Order(torch.randperm(n, generator=torch.Generator().manual_seed(seed)), event_shape)
    figure = draw(order_masks(order))
    assert len(figure.axes) == 1 + min(5, n) + (n > 100)  # a color bar where the ranks are not written in


def test_ranks_are_written_at_their_coefficients():
    order = Order(torch.tensor([4, 0, 5, 1, 2, 3]), (2, 3))
    ranks = order_masks(order).axes[0]
    np.testing.assert_array_equal(ranks.images[0].get_array(), order.rank.numpy())
    written = {tuple(reversed(text.get_position())): int(text.get_text()) for text in ranks.texts}
    assert written == {(i, j): int(order.rank[i, j]) for i in range(2) for j in range(3)}


@settings(max_examples=4)
@given(shapes, st.data())
def test_masks_are_dark_red_and_light(event_shape, data):
    order = Order.raster(event_shape).flip(tuple(range(len(event_shape))))
    t = data.draw(st.integers(0, len(order) - 1))
    shown = order_masks(order, [t]).axes[1].images[0].get_array()
    view = view_of(event_shape, color=False)
    for i, step in enumerate(order.rank.flatten().tolist()):
        color = DARK if step < t else RED if step == t else LIGHT
        np.testing.assert_allclose(shown[view.position(i)], to_rgb(color))


@pytest.mark.parametrize("visits", [torch.arange(400), torch.randperm(400)])
def test_large_orders_show_colors_and_a_path_unless_it_jumps(visits):
    ranks = draw(order_masks(Order(visits, (20, 20)))).axes[0]
    assert not ranks.texts
    tidy = torch.equal(visits, torch.arange(400))
    assert len(ranks.lines) == tidy
    if tidy:
        np.testing.assert_array_equal(ranks.lines[0].get_xydata()[:21:20], [(0, 0), (0, 1)])


def test_a_step_out_of_range_is_an_error():
    with pytest.raises(ShapeError, match="steps from 0 to 3"):
        order_masks(Order.raster((4,)), [4])
