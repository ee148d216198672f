"""Grids scanned in steps: skewing is undone, and neighbors are at the listed positions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar_plugins.backbones.pixel_rnn.skew import Skew, diagonals, rows

sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


def _mirrors(d):
    return [m for n in range(d + 1) for m in itertools.combinations(range(d), n)]


def _neighbors_on_axes(d):
    return [tuple(-int(a == b) for b in range(d)) for a in reversed(range(d))]


@given(sizes=sizes)
def test_undoing_the_skew_gives_the_maps_back(sizes):
    mirrors = _mirrors(len(sizes))
    skew = Skew(diagonals(sizes), _neighbors_on_axes(len(sizes)), mirrors)
    maps = torch.randn(len(mirrors), 3, math.prod(sizes), 2)
    for one, back in zip(maps, skew.undo(skew(maps)), strict=True):
        assert torch.equal(one, back)
    assert torch.equal(skew(torch.stack(skew.undo(maps))), maps)


@given(sizes=sizes)
def test_a_column_is_one_diagonal(sizes):
    skew = Skew(diagonals(sizes), _neighbors_on_axes(len(sizes)))
    assert len(skew.counts) == sum(sizes) - len(sizes) + 1
    columns = skew.by_step(skew([diagonals(sizes).reshape(1, -1, 1)]))
    for c, column in enumerate(columns):
        assert (column == c).all()


@given(sizes=sizes)
def test_a_mirrored_direction_scans_the_mirrored_grid(sizes):
    mirrors = _mirrors(len(sizes))
    skew = Skew(diagonals(sizes), _neighbors_on_axes(len(sizes)), mirrors)
    plain = Skew(diagonals(sizes), _neighbors_on_axes(len(sizes)))
    grid = torch.arange(math.prod(sizes)).reshape(1, *sizes, 1)
    skewed = skew([grid.flatten(1, -2)] * len(mirrors))
    for axes, branch in zip(mirrors, skewed, strict=True):
        mirrored = grid.flip([a + 1 for a in axes]).flatten(1, -2)
        assert torch.equal(branch, plain([mirrored])[0])


@pytest.mark.parametrize("scan", ["diagonals", "rows"])
@given(sizes=sizes)
def test_neighbors_are_at_the_listed_positions(scan, sizes):
    d = len(sizes)
    if scan == "diagonals":
        step, offsets = diagonals(sizes), _neighbors_on_axes(d)
    else:
        step, offsets = rows(sizes), [(-1, *rest) for rest in itertools.product((-1, 0, 1), repeat=d - 1)]
    skew = Skew(step, offsets)
    coordinates = torch.stack(torch.unravel_index(skew.cells[0], sizes), 1).tolist()
    steps = [list(map(tuple, some)) for some in _cut(coordinates, skew.counts)]
    before = []
    for cells, seen in zip(steps, skew.neighbors_by_step(), strict=True):
        for offset, positions in zip(offsets, seen.unflatten(0, (len(offsets), -1)), strict=True):
            for cell, position in zip(cells, positions.tolist(), strict=True):
                there = tuple(c + o for c, o in zip(cell, offset, strict=True))
                inside = all(0 <= c < n for c, n in zip(there, sizes, strict=True))
                assert (position < len(before)) == inside
                assert not inside or before[position] == there
        before = cells


def _cut(rest, counts):
    rest = iter(rest)
    return [[next(rest) for _ in range(n)] for n in counts]


@given(sizes=sizes)
def test_rows_in_raster_order_need_no_skewing(sizes):
    skew = Skew(rows(sizes), [(-1,) + (0,) * (len(sizes) - 1)])
    assert torch.equal(skew.cells[0], torch.arange(math.prod(sizes)))


def test_plans_follow_the_module_and_are_not_saved():
    skew = Skew(diagonals((2, 3)), [(0, -1), (-1, 0)])
    assert not skew.state_dict()
    assert {b.dtype for b in skew.double().buffers()} == {torch.int64}
