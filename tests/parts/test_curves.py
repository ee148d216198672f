"""Geometry of the orders: neighbors follow neighbors, rims precede inner cells, black squares precede white ones."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given

from tensorar import default_registry
from tensorar.testing import event_shapes


def _coordinates(spec, shape):
    """The coordinates of the coefficients, in the order of the visits: ``(N, axes)``."""
    visits = default_registry().create("ordering", spec).visits(shape)
    if not shape:
        return torch.zeros(1, 0)
    return torch.stack(torch.unravel_index(visits, shape), dim=1)


def _steps(spec, shape):
    return _coordinates(spec, shape).diff(dim=0).abs()


@given(shape=event_shapes(max_coefficients=60))
def test_snake_steps_go_to_neighbors(shape):
    assert (_steps("snake", shape).sum(1) == 1).all()


@pytest.mark.parametrize("rows", range(1, 21))
def test_hilbert_steps_go_to_neighbors(rows):
    """Diagonal steps are needed for odd sides only, and at most one of them."""
    for columns in range(1, 21):
        steps = _steps("hilbert", (rows, columns))
        assert (steps.amax(1) == 1).all(), (rows, columns)
        diagonal = int((steps.sum(1) == 2).sum())
        assert diagonal <= 1, (rows, columns)
        if max(rows, columns) % 2 == 0:
            assert diagonal == 0, (rows, columns)


def test_hilbert_finishes_each_quarter_before_the_next():
    """As Hilbert's original curve does in a square whose side is a power of 2."""
    coordinates = _coordinates("hilbert", (16, 16))
    for quarter in coordinates.split(64):
        assert (quarter // 8 == quarter[0] // 8).all()


@pytest.mark.parametrize("spec", ["spiral", "spiral:clockwise=false"])
@given(shape=event_shapes(max_rank=2, max_coefficients=60))
def test_spiral_steps_go_to_neighbors_and_never_outwards(spec, shape):
    assert (_steps(spec, shape).sum(1) == 1).all()
    if len(shape) == 2:
        coordinates = _coordinates(spec, shape)
        to_rim = torch.cat([coordinates, torch.tensor(shape) - 1 - coordinates], dim=1).amin(1)
        assert (to_rim.diff() >= 0).all()


def test_the_direction_of_the_spiral():
    assert _coordinates("spiral", (3, 3))[:3].tolist() == [[0, 0], [0, 1], [0, 2]]
    assert _coordinates("spiral:clockwise=false", (3, 3))[:3].tolist() == [[0, 0], [1, 0], [2, 0]]


@given(shape=event_shapes(max_coefficients=60))
def test_diagonals_are_visited_one_by_one_in_raster_order(shape):
    coordinates = _coordinates("diagonal", shape)
    keys = [(sum(place), place) for place in coordinates.tolist()]
    assert keys == sorted(keys)


@given(shape=event_shapes(max_coefficients=60))
def test_black_squares_precede_white_ones_in_raster_order(shape):
    coordinates = _coordinates("checkerboard", shape)
    keys = [(sum(place) % 2, place) for place in coordinates.tolist()]
    assert keys == sorted(keys)
    n = math.prod(shape)
    assert sum(color == 0 for color, _ in keys) == (n + 1) // 2
