from __future__ import annotations

import math

import einops
import numpy as np
import pytest
from hypothesis import given

from tensorar import ShapeError
from tensorar.plotting import view_of
from tests.plotting.figure_helpers import shapes


@given(shapes)
def test_every_coefficient_is_displayed_once(event_shape):
    for color in (True, False):
        cells = view_of(event_shape, color=color).cells
        assert sorted(cells[cells >= 0].tolist()) == list(range(math.prod(event_shape)))


@given(shapes)
def test_position_agrees_with_arrange(event_shape):
    view = view_of(event_shape, color=False)
    event = np.arange(math.prod(event_shape), dtype=float).reshape(event_shape)
    shown = view.arrange(event, gap=np.nan)
    assert all(shown[view.position(i)] == i for i in range(event.size))
    assert (np.isnan(shown) == view.gaps).all()


@pytest.mark.parametrize(
    ("event_shape", "kind", "cells"),
    [
        ((), "number", (1, 1)),
        ((1, 1), "number", (1, 1)),
        ((32,), "curve", (1, 32)),
        ((1, 32, 1), "curve", (1, 32)),
        ((6, 6), "image", (6, 6)),
        ((1, 28, 28), "image", (28, 28)),
        ((3, 32, 32), "rgb", (32, 32, 3)),
        ((1, 3, 8, 8), "rgb", (8, 8, 3)),
        ((9, 4, 5), "slices", (3 * 4 + 2, 3 * 5 + 2)),
        ((2, 3, 4, 5), "slices", (2 * 4 + 1, 3 * 5 + 2)),
        ((2, 2, 2, 4, 5), "slices", (4 * 4 + 3, 2 * 5 + 1)),
    ],
)
def test_the_kind_follows_from_the_axes_longer_than_one(event_shape, kind, cells):
    view = view_of(event_shape)
    assert (view.kind, view.cells.shape) == (kind, cells)


def test_images_are_displayed_as_they_are_stored():
    event = np.arange(12).reshape(1, 3, 4)
    assert (view_of((1, 3, 4)).arrange(event) == event[0]).all()


def test_channels_come_last_in_rgb():
    event = np.arange(48).reshape(3, 4, 4)
    assert (view_of((3, 4, 4)).arrange(event) == event.transpose(1, 2, 0)).all()


def test_slices_are_arranged_row_by_row():
    event = np.arange(5 * 6).reshape(5, 2, 3)
    shown = view_of((5, 2, 3)).arrange(event, gap=-1)
    assert (shown[:2, 4:7] == event[1]).all()
    assert (shown[3:5, :3] == event[3]).all()
    assert (shown[3:5, 8:] == -1).all()


def test_an_event_without_coefficients_is_an_error():
    with pytest.raises(ShapeError, match="at least one coefficient"):
        view_of((3, 0))


@pytest.mark.parametrize(
    ("shape", "axes", "layout"),
    [
        ((8, 9, 3), None, "h w c -> h w c"),
        ((3, 8, 9), None, "c h w -> h w c"),
        ((8, 9, 1, 3), ("height", "width", "time", "channel"), "h w t c -> h (t w) c"),
        ((9, 8), ("width", "height"), "w h -> h w"),
        ((9, 8), ("time", "voice"), "t p -> p t"),
        ((9, 2), ("time", "channel"), "t c -> c t"),
        ((9, 3), ("time", "channel"), "t c -> c t"),
    ],
)
def test_pictures_follow_the_names_of_the_axes(shape, axes, layout):
    event = np.arange(math.prod(shape)).reshape(shape)
    assert (view_of(shape, axes=axes).arrange(event) == einops.rearrange(event, layout)).all()


def test_color_slices_of_a_video_and_of_a_volume_of_colors():
    event = np.arange(2 * 5 * 6 * 3).reshape(2, 5, 6, 3)
    view = view_of((2, 5, 6, 3), axes=("time", "height", "width", "channel"))
    shown = view.arrange(event, gap=-1)
    assert (view.kind, shown.shape) == ("slices", (5, 13, 3))
    assert (shown[:, :6] == event[0]).all() and (shown[:, 7:] == event[1]).all()
    assert view.gaps.sum() == 5


def test_masks_of_colors_are_slices_of_either_layout():
    event = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    for shape, layout in (((5, 6, 3), event), ((3, 5, 6), event.transpose(2, 0, 1))):
        shown = view_of(shape, color=False).arrange(layout, gap=-1)
        assert (
            shown
            == np.concatenate([event[..., 0], -np.ones((5, 1)), event[..., 1], -np.ones((5, 1)), event[..., 2]], 1)
        ).all()
