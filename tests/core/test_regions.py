"""Named regions, whatever the shape."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import SpecError, region
from tensorar.testing import event_shapes

SIDES = {"top": (-2, False), "bottom": (-2, True), "left": (-1, False), "right": (-1, True)}
PARTS = {"half": 2, "third": 3, "quarter": 4}
seeds = st.integers(0, 2**32 - 1)


@given(
    shape=event_shapes(max_coefficients=60), side=st.sampled_from(sorted(SIDES)), part=st.sampled_from(sorted(PARTS))
)
def test_a_side_is_the_first_or_the_last_rows_of_its_axis(shape, side, part):
    axis, last = SIDES[side]
    name = f"{side} {part}"
    if len(shape) < -axis:
        with pytest.raises(SpecError, match=f"at least {-axis} axes for '{name}'"):
            region(name, shape)
        return
    rows = region(name, shape).movedim(axis, 0).reshape(shape[axis], -1)
    assert (rows == rows[:, :1]).all(), "whole rows"
    known = rows[:, 0].flip(0) if last else rows[:, 0]
    count = math.ceil(shape[axis] / PARTS[part])
    assert known.tolist() == [True] * count + [False] * (shape[axis] - count)


@given(shape=event_shapes(max_coefficients=60))
def test_opposite_halves_cover_the_event_and_share_at_most_the_middle(shape):
    for one, other in (("top", "bottom"), ("left", "right")):
        axis = SIDES[one][0]
        if len(shape) >= -axis:
            first, second = region(f"{one} half", shape), region(f"{other} half", shape)
            assert (first | second).all()
            shared = (first & second).sum(axis) if len(shape) > 1 else (first & second).sum()
            assert (shared == shape[axis] % 2).all()


@given(shape=event_shapes(max_coefficients=100))
def test_the_box_is_in_the_centre_and_the_border_is_the_rest(shape):
    box, border = region("center box", shape), region("border", shape)
    assert torch.equal(border, ~box)
    assert box.any(), "something is in the center of every event"
    axes = range(max(0, len(shape) - 2), len(shape))
    assert torch.equal(box, box.flip(tuple(axes)) if axes else box), "it is as far from either end"
    assert box.sum() == math.prod(shape[:-2]) * math.prod(n - 2 * (n // 4) for n in shape[-2:])
    assert torch.equal(region("Centre Box", shape), box)


@given(shape=event_shapes(max_coefficients=100), fraction=st.floats(0, 1), seed=seeds)
def test_random_regions_follow_the_generator(shape, fraction, seed):
    one, other = (region(f"random {fraction}", shape, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.shape == shape


def test_a_random_region_holds_about_its_fraction():
    for fraction in (0.0, 0.2, 0.5, 1.0):
        known = region(f"random {fraction}", (100, 100), torch.Generator().manual_seed(0))
        assert float(known.double().mean()) == pytest.approx(fraction, abs=0.02)
    half = region("random", (100, 100), torch.Generator().manual_seed(0))
    assert torch.equal(half, region("random 0.5", (100, 100), torch.Generator().manual_seed(0)))


@given(name=st.text(max_size=20) | st.sampled_from(["top", "half top", "top half now", "center", "border box"]))
def test_unknown_names_are_reported_with_the_valid_ones(name):
    if name.split()[:1] not in (["random"], ["border"]) or len(name.split()) > 1:
        with pytest.raises(SpecError, match="center box, border, random FRACTION"):
            region(name, (4, 4))


@pytest.mark.parametrize("fraction", ["1.1", "-0.5", "nan", "inf", "half", "1e400"])
def test_invalid_fractions(fraction):
    with pytest.raises(SpecError, match=f"a fraction from 0 to 1 after 'random', got 'random {fraction}'"):
        region(f"random {fraction}", (4, 4))
