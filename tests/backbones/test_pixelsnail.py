"""PixelSNAIL: its attention against a loop, what it reaches, and the sizes that fit together."""

from __future__ import annotations

import pytest
import torch

from tensorar import Order, Signature, SpecError, build, receptive_field_coverage
from tensorar.testing import randomize
from tensorar_plugins.backbones.pixelsnail.attention import PastAttention
from tests.backbones.stepping_helpers import compare


@pytest.mark.parametrize("shape", [(2, 3), (5,), ()])
def test_a_coefficient_attends_to_the_start_and_to_what_is_visited_before_it(shape):
    torch.manual_seed(0)
    attention = PastAttention(Signature(shape, feature_count=2, parameter_count=1), channels=4, heads=2).double()
    torch.nn.init.normal_(attention.start)
    n = torch.Size(shape).numel()
    order = Order(torch.randperm(n), shape)
    events, features = torch.randn(1, *shape, 4).double(), torch.randn(1, *shape, 2).double()
    found = attention(events, features, order).reshape(n, 4)
    position = attention.position(Order.raster(shape))
    steps = events.reshape(n, 4) + position
    past = attention.past(steps) + attention.features(features.reshape(n, 2))
    for i in range(n):
        seen = torch.cat([attention.start[None], past[order.mask_before(int(order.rank.flatten()[i])).flatten()]])
        for head in (slice(0, 2), slice(2, 4)):
            keys, values = seen[:, :4][:, head], seen[:, 4:][:, head]
            weights = (keys @ attention.query(steps[i])[head] / 2**0.5).softmax(0)
            torch.testing.assert_close(found[i, head], weights @ values)


@pytest.mark.parametrize("ordering", ["raster", "random"])
def test_nothing_before_is_out_of_reach(ordering):
    model = build((8, 8), ordering, "bernoulli", "pixelsnail:channels=4,blocks=1,layers=1,first_kernel=3")
    assert receptive_field_coverage(model) == 1.0


def test_steps_under_orders_of_several_kinds_are_the_forward_pass():
    for ordering, shape in (("snake", (5, 4)), ("raster:axes=1 2 0", (3, 5, 4)), ("random:seed=1", (3, 5, 6))):
        spec = "pixelsnail:channels=6,heads=3,blocks=2,layers=1"
        compare(randomize(build(shape, ordering, "bernoulli", spec), 0, spread=0.4), batch=3)


def test_heads_divide_the_channels():
    with pytest.raises(SpecError, match="channels to be a multiple of its heads, got channels=6, heads=4"):
        build((4, 4), "raster", "bernoulli", "pixelsnail:channels=6")
