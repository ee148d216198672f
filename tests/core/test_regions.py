"""Named regions, whatever the shape."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, SpecError, region
from tensorar.axes import guess_axes, horizontal_axis, vertical_axis
from tensorar.testing import event_shapes

SIDES = {"top": ("height", False), "bottom": ("height", True), "left": ("width", False), "right": ("width", True)}
SIDES |= {"front": ("depth", False), "back": ("depth", True), "first": ("time", False), "last": ("time", True)}
PARTS = {"half": 2, "third": 3, "quarter": 4}
NAMES = ("height", "width", "depth", "time", "channel")
seeds = st.integers(0, 2**32 - 1)


@given(
    axes=st.permutations(NAMES),
    data=st.data(),
    side=st.sampled_from(sorted(SIDES)),
    part=st.sampled_from(sorted(PARTS)),
)
def test_a_side_is_the_first_or_the_last_rows_of_its_axis(axes, data, side, part):
    shape = tuple(data.draw(st.integers(1, 6)) for _ in axes)
    (name, last), region_name = SIDES[side], f"{side} {part}"
    axis = axes.index(name)
    rows = region(region_name, shape, axes=tuple(axes)).movedim(axis, 0).reshape(shape[axis], -1)
    assert (rows == rows[:, :1]).all(), "whole rows"
    known = rows[:, 0].flip(0) if last else rows[:, 0]
    count = math.ceil(shape[axis] / PARTS[part])
    assert known.tolist() == [True] * count + [False] * (shape[axis] - count)


@pytest.mark.parametrize(("axes", "name"), [(("width",), "depth"), (("height", "width"), "depth"), ((), "height")])
def test_a_side_without_its_axis_is_an_error(axes, name):
    side = {"depth": "front", "height": "top"}[name]
    with pytest.raises(SpecError, match=f"an event with an axis '{name}' for '{side} half'"):
        region(f"{side} half", (4,) * len(axes), axes=axes)


@given(shape=event_shapes(max_coefficients=60))
def test_opposite_halves_cover_the_event_and_share_at_most_the_middle(shape):
    for one, other in (("top", "bottom"), ("left", "right")):
        if len(shape) > (one == "top"):
            first, second = region(f"{one} half", shape), region(f"{other} half", shape)
            assert (first | second).all()
            assert first.sum() == second.sum()


@given(axes=st.permutations(NAMES), data=st.data())
def test_the_box_is_in_the_centre_and_the_border_is_the_rest(axes, data):
    shape = tuple(data.draw(st.integers(1, 6)) for _ in axes)
    box, border = (region(name, shape, axes=tuple(axes)) for name in ("center box", "border"))
    assert torch.equal(border, ~box)
    spatial = [axis for axis, name in enumerate(axes) if name in ("height", "width", "depth")]
    assert torch.equal(box, box.flip(spatial)), "it is as far from either end"
    inside = math.prod(n - 2 * (n // 4) if axis in spatial else n for axis, n in enumerate(shape))
    assert box.sum() == inside, "all channels and frames, and never empty"


@pytest.mark.parametrize("name", ["top half", "left third", "center box", "border", "rows 1-3", "every 2nd column"])
def test_regions_of_both_layouts_of_colors_are_those_of_the_image(name):
    known = region(name, (8, 7))
    assert torch.equal(region(name, (3, 8, 7)), known.expand(3, 8, 7))
    assert torch.equal(region(name, (8, 7, 3)), known.unsqueeze(-1).expand(8, 7, 3))


def test_lines_of_any_axis_and_other_spellings():
    axes = ("time", "channel", "height", "width")
    assert region("frame 1", (3, 2, 4, 4), axes=axes).sum((1, 2, 3)).tolist() == [0, 32, 0]
    assert region("channels 1", (3, 2, 4, 4), axes=axes).sum((0, 2, 3)).tolist() == [0, 48]
    assert region("slices 0-1", (5, 4, 4)).sum((1, 2)).tolist() == [16, 16, 0, 0, 0]
    assert region("first half", (4,)).tolist() == region("left half", (4,)).tolist()
    assert torch.equal(region("Centre Box", (5, 5)), region("center box", (5, 5)))


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
        with pytest.raises(SpecError, match=r"random\|low-discrepancy FRACTION, first N"):
            region(name, (4, 4))


@pytest.mark.parametrize("fraction", ["1.1", "-0.5", "nan", "inf", "half", "1e400"])
def test_invalid_fractions(fraction):
    with pytest.raises(SpecError, match=f"a fraction from 0 to 1 after 'random', got 'random {fraction}'"):
        region(f"random {fraction}", (4, 4))


shapes = event_shapes(max_coefficients=60)


def seeded(name, shape, seed=0):
    return region(name, shape, torch.Generator().manual_seed(seed))


@given(shape=shapes, data=st.data())
def test_the_first_coefficients_are_those_of_the_order(shape, data):
    size = math.prod(shape)
    count = data.draw(st.integers(0, size))
    order = Order(torch.randperm(size, generator=torch.Generator().manual_seed(count)), shape)
    known = region(f"first {count}", shape, order=order)
    assert known.flatten()[order.visits].tolist() == [True] * count + [False] * (size - count)
    assert region(f"first {count}", shape).flatten().tolist() == [True] * count + [False] * (size - count)


@given(shape=shapes, data=st.data(), line=st.sampled_from(["row", "column"]))
def test_rows_and_columns_are_counted_from_0_and_include_both_ends(shape, data, line):
    axes = guess_axes(shape)
    axis = vertical_axis(axes) if line == "row" else horizontal_axis(axes)
    if axis is None or not axes:
        with pytest.raises(SpecError, match=f"axis .* for '{line} 0'"):
            region(f"{line} 0", shape)
        return
    first, last = sorted(data.draw(st.integers(0, shape[axis] - 1)) for _ in range(2))
    known = region(f"{line}s {first}-{last}", shape).movedim(axis, 0).reshape(shape[axis], -1)
    expected = [first <= i <= last for i in range(shape[axis])]
    assert [row.all() for row in known] == [row.any() for row in known] == expected
    assert torch.equal(region(f"{line} {last}", shape), region(f"{line}s {last} - {last}", shape))


@given(shape=shapes, data=st.data())
def test_every_kth(shape, data):
    step = data.draw(st.integers(1, math.prod(shape)))
    flat = region(f"every {step}th", shape).flatten().tolist()
    assert flat == [i % step == 0 for i in range(len(flat))]
    if len(shape) > 1:
        rows = shape[vertical_axis(guess_axes(shape))]
        step = data.draw(st.integers(1, rows))
        union = " + ".join(f"row {i}" for i in range(0, rows, step))
        assert torch.equal(region(f"every {step}th row", shape), region(union, shape))


@given(shape=shapes, fraction=st.floats(0, 1), seed=seeds)
def test_a_low_discrepancy_region_holds_exactly_its_fraction(shape, fraction, seed):
    assert seeded(f"low-discrepancy {fraction}", shape, seed).sum() == round(fraction * math.prod(shape))


@pytest.mark.parametrize("shape", [(240,), (1, 24, 24), (12, 12, 12)])
def test_a_low_discrepancy_region_is_spread_more_evenly_than_a_random_one(shape):
    def deviation(name):
        """The mean squared deviation of the share in the blocks of a third of each axis."""
        total = 0.0
        for seed in range(20):
            blocks = [seeded(name, shape, seed).double()]
            for axis, size in enumerate(shape):
                blocks = [part for block in blocks for part in block.chunk(3 if size > 1 else 1, axis)]
            total += sum(float(block.mean() - 0.1) ** 2 for block in blocks)
        return total

    assert deviation("low-discrepancy 10 %") < 0.4 * deviation("random 10 %")
    assert not torch.equal(seeded("low-discrepancy 0.1", shape, 1), seeded("low-discrepancy 0.1", shape, 2))


def test_percentages_and_unions():
    assert torch.equal(seeded("random 30 %", (9, 9)), seeded("random 0.3", (9, 9)))
    assert torch.equal(seeded("Random 30%", (9, 9)), seeded("random 0.3", (9, 9)))
    union = region("top half + columns 0-1", (4, 4))
    assert torch.equal(union, region("top half", (4, 4)) | region("columns 0-1", (4, 4)))


def test_an_error_names_the_region_of_a_union_that_does_not_fit_as_it_was_written():
    with pytest.raises(SpecError, match="an axis 'height' for 'Every 2nd row', got axes"):
        region("left half + Every 2nd  row", (4,))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("first 17", "a number of coefficients from 0 to 16, got 'first 17'"),
        ("rows 4", "rows from 0 to 3, got 'rows 4'"),
        ("rows 2-4", "a last row from 2 to 3, got 'rows 2-4'"),
        ("columns 3-1", "a last column from 3 to 3, got 'columns 3-1'"),
        ("every 0th", "a number after 'every' from 1 to 16, got 'every 0th'"),
        ("every 5th row", "a number after 'every' from 1 to 4"),
        ("low-discrepancy 130 %", "a fraction from 0 to 1 after 'low-discrepancy'"),
        ("top half + middle", "a region .*, got 'middle'"),
        ("first", "a region "),
        ("rows", "a region "),
        ("every second", "a region "),
    ],
)
def test_numbers_out_of_range_and_malformed_regions(name, message):
    with pytest.raises(SpecError, match=message):
        region(name, (4, 4))
