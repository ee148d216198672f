"""Every built-in ordering visits every coefficient once, for every shape it supports, and rejects other shapes."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, PartSpec, ShapeError, SpecError, default_registry
from tensorar.testing import event_shapes, raster_like, seeds
from tensorar.testing import orderings as ordering_specs
from tensorar.utils import memory
from tensorar_plugins import orderings

MATRIX_ONLY = ["spiral", "spiral:clockwise=false", "hilbert", "zigzag"]
ANY_SHAPE = [
    *("raster", "snake", "diagonal", "checkerboard", "random", "random:seed=7", "shuffled", "flips"),
    "random_orders:count=3",
    *("interlaced", "interlaced:period=3", "coarse_to_fine", "known_first", "known_first:region='random 0.3'"),
    *("annealed", "mixed:share=0.5,from=snake", "adaptive"),
]


def _make(spec):
    return default_registry().create("ordering", spec)


def _is_permutation(visits, shape):
    return visits.dtype == torch.long and torch.equal(visits.sort().values, torch.arange(math.prod(shape)))


def test_every_built_in_ordering_is_tested():
    tested = {spec.partition(":")[0] for spec in MATRIX_ONLY + ANY_SHAPE} | {"einops"}
    assert tested == {ordering.name for ordering in orderings.ALL}


@pytest.mark.parametrize("spec", ANY_SHAPE)
@given(shape=event_shapes(max_coefficients=60))
def test_every_shape_is_supported(spec, shape):
    assert _is_permutation(_make(spec).visits(shape), shape)
    assert _make(spec).order(shape).event_shape == shape


@pytest.mark.parametrize("spec", MATRIX_ONLY)
@given(shape=event_shapes(max_coefficients=60))
def test_matrix_orders_ignore_axes_of_size_one(spec, shape):
    if sum(size > 1 for size in shape) <= 2:
        assert _is_permutation(_make(spec).visits(shape), shape)
        return
    with pytest.raises(ShapeError, match="at most two axes longer than 1") as error:
        _make(spec).visits(shape)
    assert "\n" not in str(error.value)


@given(data=st.data())
def test_all_orderings_with_any_options(data):
    shape = data.draw(event_shapes(max_coefficients=60))
    spec = data.draw(ordering_specs(shape))
    assert _is_permutation(_make(spec).visits(shape), shape)


@given(seed=seeds)
def test_random_orders_depend_on_the_seed_only(seed):
    shape = (4, 5)
    assert torch.equal(_make(f"random:seed={seed}").visits(shape), _make(f"random:seed={seed}").visits(shape))
    assert not torch.equal(_make(f"random:seed={seed}").visits(shape), _make(f"random:seed={seed + 1}").visits(shape))
    before = torch.get_rng_state()
    _make(f"shuffled:seed={seed}").visits(shape)
    assert torch.equal(torch.get_rng_state(), before)


# --- raster ----------------------------------------------------------------------------------------------------------


@given(data=st.data())
def test_raster_is_loops_over_the_axes(data):
    shape = data.draw(event_shapes(max_coefficients=24))
    ordering = _make(data.draw(raster_like(shape)))
    axes = tuple(range(len(shape))) if ordering.axes is None else ordering.axes
    sides = [range(size)[::-1] if a in ordering.flip else range(size) for a, size in enumerate(shape)]
    places = itertools.product(*(sides[a] for a in axes))
    flat = [sum(i * math.prod(shape[a + 1 :]) for a, i in zip(axes, place, strict=True)) for place in places]
    assert ordering.visits(shape).tolist() == flat


@pytest.mark.parametrize(
    "spec", ["raster:axes=0", "raster:axes=0 0", "raster:axes=0 2", "raster:flip=2", "raster:flip=-3"]
)
def test_raster_rejects_axes_that_the_event_does_not_have(spec):
    with pytest.raises(ShapeError, match="for the ordering 'raster'"):
        _make(spec).visits((2, 3))


@pytest.mark.parametrize(
    ("spec", "same"), [("raster:flip=1 -1", "raster:flip=1"), ("raster:axes=-1 -2", "raster:axes=1 0")]
)
def test_negative_axes_count_from_the_end(spec, same):
    assert _make(spec).order((2, 3)) == _make(same).order((2, 3))


# --- einops ----------------------------------------------------------------------------------------------------------


def test_the_patterns_of_the_documentation():
    index = torch.arange(2 * 4 * 6).reshape(2, 4, 6)
    visits = _make('einops:pattern="c h w -> (h w c)"').visits((2, 4, 6))
    assert torch.equal(visits, index.permute(1, 2, 0).flatten())
    interlaced = _make('einops:pattern="c (h p) (w q) -> (p q h w c)",p=2,q=2').visits((2, 4, 6))
    assert torch.equal(interlaced[:12], index[:, ::2, ::2].permute(1, 2, 0).flatten())
    patches = _make('einops:pattern="c (h p) (w q) -> (h w p q c)",p=2,q=3').visits((2, 4, 6))
    assert torch.equal(patches[:12], index[:, :2, :3].permute(1, 2, 0).flatten())
    assert _make('einops:pattern="... -> (...)"').order((2, 3)) == Order.raster((2, 3))
    assert _make('einops:pattern="->"').visits(()).tolist() == [0]


BAD_PATTERNS = [
    ("h w", {}),
    ("", {}),
    ("h w -> (w", {}),
    ("h w -> h", {}),
    ("h w -> (h h w)", {}),
    ("h w -> (h w c)", {}),
    ("h h -> (h)", {}),
    ("c h w -> (h w c)", {}),
    ("h -> h", {}),
    ("(h p) w -> (p h w)", {}),
    ("(h p) w -> (p h w)", {"p": 3}),
    ("(h p) w -> (p h w)", {"p": 0}),
    ("(h p) w -> (p h w)", {"p": -1}),
    ("h w -> (w h)", {"q": 2}),
    ("h w -> (w h) -> h", {}),
    ("h w -> w 2 h", {}),
    ("h_ w -> (h_ w)", {}),
    ("1h w -> (1h w)", {}),
    ("h\nw -> (w\th) 💥", {}),
]


@pytest.mark.parametrize(("pattern", "sizes"), BAD_PATTERNS)
def test_bad_patterns_give_one_line_errors(pattern, sizes):
    with pytest.raises((ShapeError, SpecError)) as error:
        default_registry().create("ordering", PartSpec("einops", {"pattern": pattern, **sizes})).order((2, 4))
    assert "\n" not in str(error.value)
    assert repr(pattern) in str(error.value)


def test_sizes_must_be_integers():
    with pytest.raises(SpecError, match="einops's p to be integer"):
        _make('einops:pattern="(h p) -> (p h)",p=two')


@pytest.mark.parametrize("flip", ["0 0", "0 1 1", "1 -1", "-2 0"])
def test_an_ensemble_reverses_an_axis_once(flip):
    with pytest.raises(ShapeError, match="an event of different axes"):
        default_registry().create("ordering", f"flips:flip={flip}").orders((2, 3))


@pytest.mark.parametrize("name", default_registry().parts("ordering"))
def test_orders_larger_than_the_memory(name):
    ordering = default_registry().create("ordering", f"{name}:pattern='h w -> (w h)'" if name == "einops" else name)
    with pytest.raises(ShapeError, match=r"orders? of events of shape .*, which would take "):
        ordering.orders((10**9, 10**9)) or ordering.order((10**9, 10**9))
    with pytest.raises(ShapeError, match="an event of at most 60 axes"):
        ordering.orders((1,) * 61) or ordering.order((1,) * 61)


@pytest.mark.parametrize("spec", ["raster", "flips", "random_orders"])
def test_the_memory_left_is_asked_for_before_large_orders_alone(spec, monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "available_memory", lambda: asked.append(1) or 10**12)
    ordering = default_registry().create("ordering", spec)
    for shape in ((28, 28), (500, 500)):
        ordering.draw(shape, torch.Generator())
        assert bool(asked) == (shape == (500, 500))
