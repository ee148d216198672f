"""Events as pictures of their own size."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import ShapeError, default_registry
from tensorar.plotting import event_png, picture_limits


def _pixels(event, **options):
    return np.asarray(Image.open(io.BytesIO(event_png(event, **options))))


def test_a_pixel_per_coefficient_in_either_layout():
    colors = torch.randint(0, 256, (6, 5, 3))
    for event in (colors, colors.permute(2, 0, 1)):
        np.testing.assert_array_equal(_pixels(event, limits=(0, 255)), colors.numpy())
    gray = torch.randint(0, 256, (1, 6, 5))
    np.testing.assert_array_equal(_pixels(gray, limits=(0, 255)), gray[0].numpy())


def test_slices_lie_side_by_side_and_names_decide():
    volume = torch.ones(2, 5, 6)
    shown = _pixels(volume * 0)
    assert shown.shape == (5, 13) and (shown[:, 6] == 255).all() and (shown[:, :6] == 0).all()
    assert _pixels(volume[0], axes=("width", "height")).shape == (6, 5)


def test_more_than_256_levels_are_written_with_16_bits():
    deep = torch.tensor([[0, 1, 2**15], [2**16 - 1, 300, 7]])
    np.testing.assert_array_equal(_pixels(deep, limits=(0, 2**16 - 1)), deep.numpy())


def test_values_beyond_the_limits_are_black_and_white():
    assert _pixels(torch.tensor([[-3.0, 0.5], [9.0, torch.nan]])).tolist() == [[0, 128], [255, 0]]


@pytest.mark.parametrize(
    ("head", "limits"),
    [
        ("bernoulli", (0, 1)),
        ("categorical:levels=5", (0, 4)),
        ("logistic_mixture:levels=256", (0, 255)),
        ("beta", (0, 1)),
    ],
)
def test_the_ends_of_the_support_are_black_and_white(head, limits):
    assert picture_limits(default_registry().create("head", head), torch.zeros(1, 2, 2)) == limits


def test_without_ends_the_values_decide():
    gaussian = default_registry().create("head", "gaussian")
    assert picture_limits(gaussian, torch.tensor([[[-2.0, 5.0]]])) == (-2, 5)


@pytest.mark.parametrize("shape", [(), (7,), (1, 7)])
def test_only_events_with_height_and_width(shape):
    with pytest.raises(ShapeError, match="events with height and width"):
        event_png(torch.zeros(shape))
