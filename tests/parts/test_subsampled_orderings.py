"""Orders that jump: interlaced, coarse to fine, zig-zag, and a known region first, against other ways to make them."""

from __future__ import annotations

import itertools
import math

import einops
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Evidence, Order, ShapeError, SpecError, build, default_registry, region
from tensorar.testing import event_shapes, randomize

# ITU-T T.81 (JPEG), figure A.6
JPEG = """
 0  1  5  6 14 15 27 28
 2  4  7 13 16 26 29 42
 3  8 12 17 25 30 41 43
 9 11 18 24 31 40 44 53
10 19 23 32 39 45 52 54
20 22 33 38 46 51 55 60
21 34 37 47 50 56 59 61
35 36 48 49 57 58 62 63
"""
# ISO/IEC 15948 (PNG), 8.2: the pass of each pixel of a block
ADAM7 = """
1 6 4 6 2 6 4 6
7 7 7 7 7 7 7 7
5 6 5 6 5 6 5 6
7 7 7 7 7 7 7 7
3 6 4 6 3 6 4 6
7 7 7 7 7 7 7 7
5 6 5 6 5 6 5 6
7 7 7 7 7 7 7 7
"""


def _visits(spec, shape):
    return default_registry().create("ordering", spec).visits(shape)


def _table(text):
    return torch.tensor([[int(word) for word in line.split()] for line in text.strip().splitlines()])


def test_zigzag_is_that_of_jpeg():
    assert torch.equal(Order(_visits("zigzag", (8, 8)), (8, 8)).rank, _table(JPEG))


@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_zigzag_runs_through_the_anti_diagonals(shape):
    cells = [divmod(i, shape[1]) for i in _visits("zigzag", shape).tolist()]
    assert [sum(cell) for cell in cells] == sorted(sum(cell) for cell in cells)
    for (r, c), (row, column) in itertools.pairwise(cells):
        assert abs(row - r) <= 1 and abs(column - c) <= 1
    assert torch.equal(_visits("zigzag", (1, *shape, 1)), _visits("zigzag", shape))


@given(data=st.data())
def test_interlaced_is_one_phase_after_another(data):
    shape = data.draw(event_shapes(max_coefficients=60))
    period = data.draw(st.integers(2, 4))
    index = torch.arange(math.prod(shape)).reshape(shape)
    phases = itertools.product(range(period), repeat=len(shape))
    slices = [index[tuple(slice(start, None, period) for start in phase)].flatten() for phase in phases]
    assert torch.equal(_visits(f"interlaced:period={period}", shape), torch.cat(slices))


def test_interlaced_is_a_named_einops_pattern():
    index = torch.arange(3 * 4 * 6).reshape(3, 4, 6)
    pattern = einops.rearrange(index, "c (h p) (w q) -> (p q h w c)", p=2, q=2)
    assert torch.equal(_visits("interlaced:axes='1 2'", (3, 4, 6)), pattern)
    rows = einops.rearrange(torch.arange(24).reshape(4, 6), "(h p) w -> (p h w)", p=2)
    assert torch.equal(_visits("interlaced:axes=-2", (4, 6)), rows)


def _recursive(index):
    """The visits of a coarse lattice, then its other phases: the recursion that the ordering is named for."""
    if index.numel() <= 1:
        return index.flatten().tolist()
    phases = [index[tuple(slice(s, None, 2) for s in phase)] for phase in itertools.product((0, 1), repeat=index.ndim)]
    return _recursive(phases[0]) + [i for phase in phases[1:] for i in phase.flatten().tolist()]


@given(shape=event_shapes(max_coefficients=200))
def test_coarse_to_fine_is_a_recursion(shape):
    index = torch.arange(math.prod(shape)).reshape(shape)
    assert _visits("coarse_to_fine", shape).tolist() == _recursive(index)


def test_coarse_to_fine_visits_the_levels_of_adam7():
    rank = Order(_visits("coarse_to_fine", (8, 8)), (8, 8)).rank
    levels = (_table(ADAM7) / 2).floor()  # two passes per level, after the first
    ranks_of_levels = [rank[levels == level] for level in range(4)]
    for coarse, fine in itertools.pairwise(ranks_of_levels):
        assert coarse.max() < fine.min()


def test_channels_stay_together():
    pixels = torch.arange(3 * 4 * 4).reshape(3, 16).T
    plain = _visits("coarse_to_fine", (4, 4))
    assert torch.equal(_visits("coarse_to_fine:axes='1 2'", (3, 4, 4)), pixels[plain].flatten())


@pytest.mark.parametrize("spec", ["interlaced:axes=2", "coarse_to_fine:axes='0 -2'", "interlaced:axes='0 0'"])
def test_axes_that_the_event_does_not_have(spec):
    with pytest.raises(ShapeError, match="different axes"):
        _visits(spec, (2, 3))


@pytest.mark.parametrize("period", [1, 0, -2])
def test_a_period_that_interlaces_nothing(period):
    with pytest.raises(SpecError, match="period to be at least 2"):
        _visits(f"interlaced:period={period}", (4,))


# --- known_first -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["border", "center box", "bottom half", "left third"])
def test_a_region_is_visited_first(name):
    shape = (2, 6, 5)
    visits, known = _visits(f'known_first:region="{name}"', shape), region(name, shape).flatten()
    count = int(known.sum())
    assert known[visits[:count]].all() and not known[visits[count:]].any()
    assert visits[:count].tolist() == sorted(visits[:count].tolist())
    assert visits[count:].tolist() == sorted(visits[count:].tolist())


def test_a_random_region_is_the_same_every_time():
    spec = "known_first:region='random 0.4'"
    torch.manual_seed(1)
    first = _visits(spec, (5, 5))
    torch.manual_seed(2)
    assert torch.equal(_visits(spec, (5, 5)), first)


def test_unknown_regions_are_refused_before_any_shape_is_known():
    with pytest.raises(SpecError, match="expected a region"):
        default_registry().create("ordering", "known_first:region=middle")


def test_a_region_that_does_not_fit_the_shape():
    with pytest.raises(ShapeError, match="an axis 'height' for 'top half', got shape"):
        _visits("known_first:region='top half'", (4,))


@pytest.mark.parametrize("backbone", ["made:hidden=6", "transformer:channels=8,heads=2,layers=1", "mlp:hidden=6"])
def test_it_paints_one_kind_of_gap_exactly(backbone):
    """Completions of a center box follow the posterior given the border, found by enumerating what is missing."""
    shape = (2, 4)
    model = randomize(build(shape, "known_first:region=border", "bernoulli", backbone), 0, spread=1.0).double()
    known = region("border", shape)
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]], dtype=torch.float64)
    unknown = (~known).flatten().nonzero()[:, 0]
    fills = torch.tensor([*itertools.product((0.0, 1.0), repeat=len(unknown))], dtype=torch.float64)
    events = x.flatten().repeat(len(fills), 1)
    events[:, unknown] = fills
    posterior = model.log_prob(events.reshape(-1, *shape)).softmax(0)
    n = 4000
    drawn = model.sample(evidence=Evidence(known.expand(n, *shape), x.expand(n, *shape)))
    matches = (drawn.flatten(1)[:, None, unknown] == fills).all(2)
    frequencies = matches.double().mean(0)
    assert ((frequencies - posterior).abs() < 5 * (posterior * (1 - posterior) / n).sqrt() + 1e-9).all()
