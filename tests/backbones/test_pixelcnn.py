"""The PixelCNN: the mistakes it is known for elsewhere, colors by rank, and what it sees under which order."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import build, dependency_matrix, receptive_field_coverage
from tensorar.testing import events_of, models, randomize, seeds

SMALL = "pixelcnn:channels=8,blocks=2"


def test_the_masks_are_there_before_any_training_and_no_forward_changes_a_weight():
    model = build((6, 6), "raster", "bernoulli", SMALL).double()
    before = copy.deepcopy(model.state_dict())
    x = events_of(model, 4, 0)
    # the very first forward
    first = model.log_prob(x)
    assert not (dependency_matrix(model, x) & ~model.order.causal_mask()).any()
    model.log_prob(x, order=model.order.flip((0, 1)))
    model.loss(x).backward()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.log_prob(x), first), "other orders in between leave nothing behind"


def test_nothing_but_weights_and_biases_is_saved():
    model = build((3, 5, 5), "raster", "bernoulli", SMALL, context_features=2)
    assert {name.rsplit(".", 1)[1] for name in model.state_dict()} == {"weight", "bias"}


@pytest.mark.parametrize("ordering", ["raster", "snake"])
def test_the_input_of_a_block_is_added_once(ordering):
    backbone = randomize(build((5, 6), ordering, "bernoulli", SMALL), 0).backbone
    block, ranks = backbone.blocks[0], backbone.grid.ranks(backbone.signature.order)
    maps = torch.randn(2, 8, 5, 6).double()
    narrow, middle, wide = (layer.conv for layer in block.layers)
    inner = wide(middle(narrow(maps.relu(), ranks).relu(), ranks).relu(), ranks)
    torch.testing.assert_close(block(maps, ranks, None), maps + inner)
    assert [conv.weight.shape[:2] for conv in (narrow, middle, wide)] == [(4, 8), (4, 4), (8, 4)]
    for parameter in wide.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(block(maps, ranks, None), maps)


@given(data=st.data())
def test_in_eval_and_in_training_it_is_the_same_function(data):
    """No layer mixes examples, or positions against the order."""
    model = data.draw(models(backbone=SMALL, max_coefficients=12))
    x = events_of(model, 3, data.draw(seeds))
    torch.testing.assert_close(model.train().log_prob(x), model.eval().log_prob(x))
    torch.testing.assert_close(model.train().log_prob(x)[:1], model.log_prob(x[:1]))


# --- colors ---------------------------------------------------------------------------------------------------------

SIDE = 5
RED, GREEN, BLUE = range(3)


def _colors(ordering):
    model = randomize(build((3, SIDE, SIDE), ordering, "bernoulli", SMALL), 0, spread=0.5)
    assert model.backbone.grid.groups == 3
    seen = dependency_matrix(model, events_of(model, 8, 0))
    return seen.reshape(3, SIDE, SIDE, 3, SIDE, SIDE)


def test_pixel_by_pixel_a_color_sees_the_earlier_colors_of_its_pixel():
    seen = _colors("raster:axes=1 2 0")
    for color, other in itertools.product(range(3), range(3)):
        here = seen[color, 2, 2, other]
        assert here[2, 2] == (other < color)
        assert here[2, 1]
        assert here[1, 2]
        assert not here[2, 3]
        assert not here[3, 2]


def test_the_order_of_the_colors_is_the_order_s_own():
    seen = _colors("raster:axes=1 2 0,flip=0")
    assert seen[RED, 2, 2, BLUE, 2, 2]
    assert not seen[BLUE, 2, 2, RED, 2, 2]


def test_plane_by_plane_a_color_sees_what_comes_later_in_the_earlier_planes():
    seen = _colors("raster")
    assert seen[GREEN, 2, 2, RED, 3, 3]
    assert seen[BLUE, 2, 2, GREEN, 4, 4]
    assert not seen[RED, 2, 2, GREEN, 1, 1]
    assert not seen[GREEN, 2, 2, GREEN, 2, 3]


def test_colors_may_be_convolved_over_as_well():
    model = build((3, SIDE, SIDE), "raster", "bernoulli", f"{SMALL},channel_axes=''")
    assert model.backbone.grid.sizes == (3, SIDE, SIDE)


# --- what it sees ----------------------------------------------------------------------------------------------------


def _share(ordering, blocks, shape=(8, 8)):
    spec = f"pixelcnn:channels=8,blocks={blocks},first_kernel=3"
    return receptive_field_coverage(build(shape, ordering, "bernoulli", spec), draws=2)


def test_how_much_of_the_past_is_seen_depends_on_the_order():
    """Sight goes on by steps back in the order: all along a path, hardly anywhere where neighbors come at random."""
    assert _share("snake", 16) == _share("hilbert", 16) == 1
    assert _share("raster", 16) > 0.8
    assert _share("checkerboard", 16) < 0.6
    assert _share("random", 16) < 0.3


@pytest.mark.parametrize("ordering", ["raster", "random"])
def test_depth_helps_neither_against_the_blind_spot_nor_in_a_scattered_order(ordering):
    assert _share(ordering, 12, (6, 12)) == _share(ordering, 16, (6, 12)) < 0.9
