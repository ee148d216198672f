"""Cache slots of live taps: the rank rule once more, through a cache whose slots are reused."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, default_registry
from tensorar.testing import event_shapes, orders, seeds
from tensorar.testing.properties import composite
from tensorar_plugins.backbones.masked_conv.cache_layout import cache_layout
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.incremental import tap_weights

NOTHING = -1


@composite
def layers(draw):
    """A masked convolution by the ranks of an order, or of blocks of as many coefficients as one call visits."""
    shape = draw(event_shapes(max_coefficients=16))
    channel_axes = st.lists(st.sampled_from(range(len(shape))), unique=True) if shape else st.none()
    grid = Grid.of(shape, draw(st.none() | channel_axes))
    visits = grid.ranks(draw(orders(shape)))
    count = draw(st.sampled_from([c for c in range(1, 17) if visits.rank.numel() % c == 0]))
    ranks = visits.coarser(count) if draw(st.booleans()) or count > 1 else visits
    kernel = tuple(draw(st.sampled_from([1, 3, 5])) for _ in grid.sizes)
    torch.manual_seed(draw(seeds))
    conv = MaskedConv(grid, 1, 2, kernel, include_self=draw(st.booleans()), dilation=draw(st.integers(1, 2)))
    return conv.double(), ranks, visits, count


def _seen_by_rule(conv, ranks, visits):
    """For each step what it sees by which weights: pairs of a step and a column of weights, from the rule itself."""
    groups, *sizes = ranks.rank.shape
    seen = {}
    nodes = list(itertools.product(range(groups), *map(range, sizes)))
    for g, *i in nodes:
        pairs = []
        for (s, *j), (o, offset) in itertools.product(nodes, enumerate(conv.kernel.offsets)):
            there = [a + b for a, b in zip(i, offset, strict=True)] == j
            before = (
                ranks.rank[(s, *j)] <= ranks.rank[(g, *i)]
                if conv.include_self
                else ranks.rank[(s, *j)] < ranks.rank[(g, *i)]
            )
            if there and before:
                pairs.append((int(visits.rank[(s, *j)]), o, s))
        seen[int(visits.rank[(g, *i)])] = sorted(pairs)
    return seen


@given(layer=layers())
def test_every_step_reads_what_the_rule_allows(layer):
    """Stepping with a cache of steps instead of maps: each block is stored, then its members read."""
    conv, ranks, visits, count = layer
    layout = cache_layout(conv.taps(ranks), visits, count)
    cache, groups = [NOTHING] * layout.size, conv.groups
    expected = _seen_by_rule(conv, ranks, visits)
    row = {int(t): (g, n) for g, steps in enumerate(layout.steps) for n, t in enumerate(steps)}
    for block in range(len(layout.slot) // count):
        members = range(block * count, (block + 1) * count)
        for t in members:
            cache[layout.slot[t]] = t
        for t in members:
            g, n = row[t]
            found = [cache[place] for place in layout.reads[g][n].tolist()]
            taps = [(kind // groups**2, kind % groups) for kind in layout.edge_types[g].tolist()]
            assert sorted((s, *tap) for s, tap in zip(found, taps, strict=True) if s != NOTHING) == expected[t]
    assert cache[0] == NOTHING


@given(layer=layers())
def test_a_layer_that_sees_itself_reads_itself_first(layer):
    conv, ranks, visits, count = layer
    layout = cache_layout(conv.taps(ranks), visits, count)
    for steps, reads in zip(layout.steps, layout.reads, strict=True):
        own = torch.tensor(layout.slot)[steps]
        assert not conv.include_self or torch.equal(reads[:, 0], own)


def test_the_weights_of_taps_are_in_the_order_of_what_they_multiply():
    order = Order.raster((3, 3, 2))
    grid = Grid.of((3, 3, 2), (2,))
    conv = MaskedConv(grid, 3, 4, 3)
    layout = cache_layout(conv.taps(grid.ranks(order)), grid.ranks(order))
    weight = tap_weights(conv, layout.edge_types[1]).unflatten(0, (-1, 3))
    for column, kind in enumerate(layout.edge_types[1].tolist()):
        tap, group, seen = kind // 4, kind // 2 % 2, kind % 2
        assert group == 1
        expected = conv.weight[4:, 3 * seen : 3 * seen + 3, tap // 3, tap % 3]
        assert torch.equal(weight[column], expected.T)


@pytest.mark.parametrize(("kernel", "rows"), [(3, 1), (5, 2), (7, 3)])
def test_for_a_raster_order_it_holds_as_many_rows_as_the_kernel_reaches_up(kernel, rows):
    side = 20
    grid = Grid.of((side, side))
    order = Order.raster((side, side))
    conv = MaskedConv(grid, 1, 1, kernel, include_self=True)
    ranks = grid.ranks(order)
    assert cache_layout(conv.taps(ranks), ranks).size <= rows * side + kernel
    whole_rows = cache_layout(conv.taps(ranks.coarser(side)), ranks, side)
    assert whole_rows.size == 1 + (rows + 1) * side


def test_slots_are_reused_after_the_last_read_under_any_order():
    shape = (16, 16)
    grid = Grid.of(shape)
    conv = MaskedConv(grid, 1, 1, 3, include_self=True)
    sizes = {}
    for name in ("raster", "snake", "hilbert", "checkerboard", "random"):
        ranks = grid.ranks(default_registry().create("ordering", name).order(shape))
        sizes[name] = cache_layout(conv.taps(ranks), ranks).size
    assert sizes["raster"] < sizes["hilbert"] < sizes["random"] < 257
    assert sizes["snake"] < 40


def test_a_layout_is_made_once_for_an_order():
    grid = Grid.of((4, 4))
    ranks = grid.ranks(Order.raster((4, 4)))
    first, second = (MaskedConv(grid, 1, 1, 3, include_self=True) for _ in range(2))
    assert cache_layout(first.taps(ranks), ranks) is cache_layout(second.taps(ranks), ranks)
