"""When the mirrored scans are computed, and which of their states."""

from __future__ import annotations

import pytest

from tensorar import Order
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.pixel_rnn.mirrored.dependencies import ScanDependencies


def _ready_sets(shape, direction):
    return list(ScanDependencies(Grid.of(shape).ranks(Order.raster(shape))).ready_sets(direction))


def test_for_an_image_a_row_is_scanned_from_the_right_when_the_next_begins():
    found = _ready_sets((6, 5), 1)
    assert [ready.t for ready in found] == [5, 10, 15, 20, 25]
    assert found[1].stages == [[9], [8], [7], [6], [5]]


def test_colors_last_are_scanned_together_and_colors_first_one_by_one():
    assert {ready.groups for ready in _ready_sets((5, 6, 3), 1)} == {(0, 1, 2)}
    assert {ready.groups for direction in (1, 2, 3) for ready in _ready_sets((3, 5, 6), direction)} == {
        (0,),
        (1,),
        (2,),
    }


@pytest.mark.parametrize("shape", [(6, 5), (5, 6, 3), (3, 5, 6), (5, 3, 6), (5, 5, 5), (2, 5, 2, 5)])
def test_each_mirrored_state_is_computed_once(shape):
    dependencies = ScanDependencies(Grid.of(shape).ranks(Order.raster(shape)))
    for direction in range(1, len(dependencies.directions.mirrors)):
        states = [
            (group, cell)
            for ready in dependencies.ready_sets(direction)
            for cell in ready.cells
            for group in ready.groups
        ]
        assert len(states) == len(set(states)) > 0
