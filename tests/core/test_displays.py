"""What notebooks show of orders, evidence and models: pictures of bounded size, for events of any shape."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import tensorar
from tensorar import Evidence, Order
from tensorar.utils.pixel_picture import UNKNOWN_COLOR
from tensorar.utils.rank_picture import FIRST, LAST, MAX_NUMBERED_CELLS

SHAPES = st.lists(st.integers(1, 7), max_size=4).map(tuple)
SEEDS = st.integers(0, 2**32)
SPECS = [
    ((2, 2), "raster", "bernoulli", "fvsbn", "one"),
    ((1, 4, 4), "snake", "categorical:levels=3", "convnet", "one"),
    ((2, 3), "flips", "bernoulli", "row_lstm:channels=4,layers=1", "a mixture of 4"),
    ((3,), "shuffled", "gaussian", "mlp:hidden=4", "any"),
    ((), "raster", "poisson", "made:hidden=4", "one"),
]


def picture(page: str) -> np.ndarray:
    """The pixels of the PNG in a page, which a browser enlarges by whole numbers."""
    data, width, height = re.search(r'base64,(.*?)" style="width:(\d+)px;height:(\d+)px', page).groups()
    image = Image.open(BytesIO(b64decode(data)))
    assert int(width) / image.width == int(height) / image.height == int(width) // image.width
    return np.asarray(image)


@settings(max_examples=60, deadline=None)
@given(SHAPES, SEEDS)
def test_every_coefficient_of_an_order_has_a_cell_of_its_own_color(shape, seed):
    n = int(np.prod(shape))
    order = Order(torch.randperm(n, generator=torch.Generator().manual_seed(seed)), shape)
    page = order._repr_html_()
    if n > MAX_NUMBERED_CELLS:
        cells = picture(page).reshape(-1, 3)
        drawn = cells[(cells != 255).any(1)]
        assert len(drawn) == n and {FIRST, LAST} <= set(map(tuple, drawn.tolist()))
        return
    places = re.findall(r'<rect x="(\d+)" y="(\d+)"', page)
    assert len(set(places)) == n
    width, height = map(int, re.search(r'width="(\d+)" height="(\d+)"', page).groups())
    assert all(int(x) < width and int(y) < height for x, y in places)
    assert [int(rank) for rank in re.findall(r">(\d+)</text>", page)] in ([], order.rank.flatten().tolist())


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (2, 3, 4), (2, 2, 3, 4), (1, 9, 9)])
def test_small_orders_are_numbered(shape):
    assert Order.raster(shape)._repr_html_().count("<text") == np.prod(shape)


def test_the_pixels_of_an_order_lie_where_its_coefficients_do():
    pixels = picture(Order.raster((1, 20, 30))._repr_html_()).astype(int)
    assert pixels.shape == (20, 30, 3) and (np.diff(pixels[..., 0].reshape(-1)) >= 0).all()


@pytest.mark.parametrize("shape", [(1000,), (3, 300, 300), (300, 9, 9), (200, 2, 2, 2)])
def test_pictures_of_large_events_are_bounded_and_say_what_was_left_out(shape):
    page = Order.raster(shape)._repr_html_()
    assert max(picture(page).shape) <= 64 * 257 and len(page) < 1_500_000
    assert "drawn: " in page
    evidence = Evidence.none(2, shape)
    assert "drawn: " in evidence._repr_html_() or len(shape) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5), max_size=4).map(tuple), st.integers(1, 2), SEEDS, st.floats(1e-300, 1e300))
def test_known_values_are_gray_and_unknown_ones_blue(shape, batch, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, *shape, generator=generator) < 0.5
    value = torch.randn(batch, *shape, generator=generator, dtype=torch.double) * scale
    cells = picture(Evidence(mask, value)._repr_html_()).reshape(-1, 3)
    unknown = (cells == UNKNOWN_COLOR).all(1)
    assert unknown.sum() == (~mask).sum()
    gray = cells[~unknown]
    assert (gray == gray[:, :1]).all() and len(gray) >= mask.sum()
    if mask.sum() > 1:
        assert {0, 255} <= set(gray[:, 0].tolist())


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, 0.0, 1.0, -3.0, 1e308])
def test_values_without_a_range_are_drawn_too(value):
    evidence = Evidence(torch.tensor([[True, True, False]]), torch.full((1, 3), value, dtype=torch.double))
    assert picture(evidence._repr_html_()).shape == (1, 3, 3)


def test_evidence_describes_itself_in_a_line():
    assert repr(Evidence.none(3, (2, 2))) == "Evidence(batch=3, event_shape=(2, 2), 0 of 12 coefficients known)"
    assert "first 8 of 20 events" in Evidence.none(20, (2, 2))._repr_html_()
    assert Evidence.none(0, (2, 2))._repr_html_() == repr(Evidence.none(0, (2, 2)))


@pytest.mark.parametrize(("shape", "ordering", "head", "backbone", "orders"), SPECS)
def test_a_model_is_a_table_of_its_parts_with_its_order(shape, ordering, head, backbone, orders):
    model = tensorar.build(shape, ordering, head, backbone)
    page = model._repr_html_()
    rows = dict(re.findall("<th>(.*?)</th><td>(.*?)</td>", page))
    assert rows["ordering"].split(":")[0] == ordering and rows["event"] == str(shape)
    assert rows["backbone"].startswith(backbone.partition(":")[0] + ": ")
    assert rows["head"].replace(": ", ":") == head
    assert int(rows["parameters"].replace(",", "")) == sum(p.numel() for p in model.parameters())
    assert rows["orders"].startswith(orders) and page.endswith(model.order._repr_html_())


def test_what_a_part_holds_is_escaped_and_cut():
    pattern = "(first second) -> (second first)"
    model = tensorar.build((40,), f'einops:pattern="{pattern}",first=4', "bernoulli", "made:hidden=4")
    page = model._repr_html_()
    assert "(first second) -&gt; (second first)" in page and "->" not in page
    columns = f'columns:heads="{"; ".join(["bernoulli", "categorical:levels=3"] * 20)}"'
    page = tensorar.build((40,), "raster", columns, "made:hidden=4")._repr_html_()
    assert re.search("<th>head</th><td>columns: heads=bernoulli; categorical: levels=3; bernoulli; .{50,}…</td>", page)
