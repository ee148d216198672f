"""When the mirrored scans of a walk are computed, and what of them."""

from __future__ import annotations

import pytest

from tensorar import Order
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.pixel_rnn.mirrored.dependencies import Sights


def _waves(shape, branch):
    return list(Sights(Grid.of(shape).ranks(Order.raster(shape))).waves(branch))


def test_of_an_image_a_row_is_scanned_from_the_right_when_the_next_begins():
    waves = _waves((6, 5), 1)
    assert [wave.t for wave in waves] == [5, 10, 15, 20, 25]
    assert waves[1].stages == [[9], [8], [7], [6], [5]]


def test_colours_last_are_scanned_together_and_colours_first_one_by_one():
    assert {wave.groups for wave in _waves((5, 6, 3), 1)} == {(0, 1, 2)}
    assert {wave.groups for branch in (1, 2, 3) for wave in _waves((3, 5, 6), branch)} == {(0,), (1,), (2,)}


@pytest.mark.parametrize("shape", [(6, 5), (5, 6, 3), (3, 5, 6), (5, 3, 6), (5, 5, 5), (2, 5, 2, 5)])
def test_each_mirrored_state_is_computed_once(shape):
    sights = Sights(Grid.of(shape).ranks(Order.raster(shape)))
    for branch in range(1, len(sights.branches.mirrors)):
        states = [(group, cell) for wave in sights.waves(branch) for cell in wave.cells for group in wave.groups]
        assert len(states) == len(set(states)) > 0
