"""What the curves promise: neighbours follow neighbours, rims are walked round, colours come one after the other."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given

from tensorar import default_registry
from tests.strategies import event_shapes


def _places(spec, shape):
    """The coordinates of the coefficients, in the order of the visits: ``(N, axes)``."""
    visits = default_registry().create("ordering", spec).visits(shape)
    if not shape:
        return torch.zeros(1, 0)
    return torch.stack(torch.unravel_index(visits, shape), dim=1)


def _steps(spec, shape):
    return _places(spec, shape).diff(dim=0).abs()


@given(shape=event_shapes(max_coefficients=60))
def test_a_snake_goes_to_a_neighbour(shape):
    assert (_steps("snake", shape).sum(1) == 1).all()


@pytest.mark.parametrize("rows", range(1, 21))
def test_a_hilbert_curve_goes_at_most_one_cell_away(rows):
    """A neighbour, diagonal ones included; only odd sides need diagonals, and then few."""
    for columns in range(1, 21):
        steps = _steps("hilbert", (rows, columns))
        assert (steps.amax(1) == 1).all(), (rows, columns)
        diagonal = int((steps.sum(1) == 2).sum())
        assert diagonal <= 1, (rows, columns)
        if max(rows, columns) % 2 == 0:
            assert diagonal == 0, (rows, columns)


def test_a_hilbert_curve_stays_close_to_where_it_was():
    """In a square of side 16 each quarter is finished before the next one is begun, as in Hilbert's own curve."""
    places = _places("hilbert", (16, 16))
    for quarter in places.split(64):
        assert (quarter // 8 == quarter[0] // 8).all()


@pytest.mark.parametrize("spec", ["spiral", "spiral:clockwise=false"])
@given(shape=event_shapes(max_rank=2, max_coefficients=60))
def test_a_spiral_goes_to_a_neighbour_from_the_rim_inwards(spec, shape):
    assert (_steps(spec, shape).sum(1) == 1).all()
    if len(shape) == 2:
        places = _places(spec, shape)
        to_rim = torch.cat([places, torch.tensor(shape) - 1 - places], dim=1).amin(1)
        assert (to_rim.diff() >= 0).all()


def test_the_spiral_turns_as_it_says():
    assert _places("spiral", (3, 3))[:3].tolist() == [[0, 0], [0, 1], [0, 2]]
    assert _places("spiral:clockwise=false", (3, 3))[:3].tolist() == [[0, 0], [1, 0], [2, 0]]


@given(shape=event_shapes(max_coefficients=60))
def test_diagonals_come_one_after_the_other_each_in_raster_order(shape):
    places = _places("diagonal", shape)
    keys = [(sum(place), place) for place in places.tolist()]
    assert keys == sorted(keys)


@given(shape=event_shapes(max_coefficients=60))
def test_black_squares_come_before_white_ones_each_in_raster_order(shape):
    places = _places("checkerboard", shape)
    keys = [(sum(place) % 2, place) for place in places.tolist()]
    assert keys == sorted(keys)
    n = math.prod(shape)
    assert sum(colour == 0 for colour, _ in keys) == (n + 1) // 2
