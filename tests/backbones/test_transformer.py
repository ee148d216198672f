"""The transformer, against dense attention over the coefficients in the event's own order, with the order's mask."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tensorar import Order, SpecError, build, may_see
from tensorar.testing import event_shapes, events_of, orders, randomize, seeds
from tensorar_plugins.backbones.attention import Attention
from tensorar_plugins.backbones.layers.positions import RotaryEmbedding, rotate

POSITIONS = ["learned", "rotary"]
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def _spec(positions="learned", kv_heads=1):
    return f"transformer:channels=16,heads=4,kv_heads={kv_heads},layers=2,position_embedding={positions}"


def _positions(positions, event_shape):
    """``(N, width)``: the position vectors, one coefficient and one axis at a time."""
    rows = []
    for i in range(math.prod(event_shape)):
        index = torch.unravel_index(torch.tensor(i), event_shape)
        rows.append(sum((axis.weight[k] for axis, k in zip(positions.axes, index, strict=True)), positions.origin))
    return torch.stack(rows)


def _tokens(tokens, features, order):
    """``(N, C)`` for one example, by coefficient: each depends on the coefficient visited just before it."""
    last, following = (_positions(p, order.event_shape) for p in (tokens.last_position, tokens.next_position))
    rows = []
    for i, rank in enumerate(order.rank.flatten().tolist()):
        before = order.visits[rank - 1]
        rows.append((tokens.value(features[before]) + last[before] if rank else tokens.start) + following[i])
    return torch.stack(rows)


def _rotations(rotary, order):
    """The rotations of keys and queries by coefficient, as complex numbers ``(N, pairs)``."""
    frequencies = torch.tensor(rotary.frequencies, dtype=torch.float64)
    index = [torch.stack(torch.unravel_index(i, order.event_shape))[rotary.axis_of_pair] for i in _flat(order)]
    query = torch.stack([torch.polar(torch.ones_like(frequencies), frequencies * i) for i in index])
    rank = order.rank.flatten()
    key = [query[order.visits[r - 1]] if r else torch.ones_like(query[0]) for r in rank]
    return torch.stack(key), query


def _flat(order):
    return torch.arange(len(order))


def _rotated(x, rotations):
    pairs = rotations.shape[-1]
    z = torch.complex(x[..., :pairs], x[..., pairs : 2 * pairs]) * rotations
    return torch.cat([z.real, z.imag, x[..., 2 * pairs :]], dim=-1)


def _attend(attention, h, order, rotations):
    """Dense attention of one head after the other over ``(N, C)``, by coefficient."""
    width, own, share = h.shape[-1] // attention.heads, attention.kv_heads, attention.heads // attention.kv_heads
    queries, keys, values = attention.inputs(h).split([h.shape[-1], own * width, own * width], -1)
    outputs = []
    for head, q in enumerate(queries.split(width, -1)):
        k, v = (part.split(width, -1)[head // share] for part in (keys, values))
        if rotations is not None:
            q, k = _rotated(q, rotations[1]), _rotated(k, rotations[0])
        scores = torch.where(order.causal_mask(include_self=True), q @ k.T / width**0.5, -torch.inf)
        outputs.append(scores.softmax(-1) @ v)
    return attention.output(torch.cat(outputs, -1))


def _norm(layer, h):
    centered = h - h.mean(-1, keepdim=True)
    return centered / (centered.square().mean(-1, keepdim=True) + layer.eps).sqrt() * layer.weight + layer.bias


def _dense(backbone, features, order, context):
    """The parameters ``(N, P)`` of one example, without permuting anything."""
    h = _tokens(backbone.tokens, features, order)
    rotary = backbone.rotary
    rotations = None if rotary is None or not rotary.frequencies else _rotations(rotary, order)
    for block in backbone.layers:
        h = h + block.context.map.weight @ context
        h = h + _attend(block.attention, _norm(block.attention_norm, h), order, rotations)
        wide = block.feed_forward.widen(_norm(block.feed_forward_norm, h))
        h = h + block.feed_forward.narrow(wide * 0.5 * (1 + torch.erf(wide / 2**0.5)))
    return backbone.output(_norm(backbone.norm, h))


@pytest.mark.parametrize("ordering", ["raster", "shuffled"])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("positions", POSITIONS)
@given(data=st.data())
def test_equals_dense_attention_with_the_mask_of_the_order(positions, kv_heads, ordering, data):
    shape = data.draw(event_shapes(max_coefficients=12))
    model = build(shape, ordering, "bernoulli", _spec(positions, kv_heads), context_features=2)
    model = randomize(model, data.draw(seeds))
    order, context = data.draw(orders(shape)), torch.randn(2, 2).double()
    features = model.features(events_of(model, 2, data.draw(seeds)))
    output = model.backbone(features, order, context).reshape(2, len(order), -1)
    for row, seen, given_context in zip(output, features.reshape(2, len(order), -1), context, strict=True):
        torch.testing.assert_close(row, _dense(model.backbone, seen, order, given_context), **CLOSE)


@given(steps=st.integers(1, 20), seed=seeds)
def test_the_fast_path_is_the_rule_for_steps(steps, seed):
    generator = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, 2, 2, steps, 4, generator=generator, dtype=torch.float64)
    step = torch.arange(steps)
    mask = may_see(step, step[:, None], strict=False)
    fast = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(fast, functional.scaled_dot_product_attention(q, k, v, attn_mask=mask), **CLOSE)


def _of_step(model, order, features, t):
    return model.backbone(features, order).reshape(len(order), -1)[order.visits[t]]


@pytest.mark.parametrize("t", [0, 2])
@pytest.mark.parametrize("positions", POSITIONS)
def test_the_network_knows_the_next_coefficient(positions, t):
    model = randomize(build((2, 3), "shuffled", "bernoulli", _spec(positions)), 0)
    features = torch.randn(1, 2, 3, 1).double()
    visits = [4, 0, 1, 2, 3, 5]
    one, other = Order(torch.tensor(visits), (2, 3)), Order(torch.tensor([*visits[:t], *reversed(visits[t:])]), (2, 3))
    assert not torch.isclose(_of_step(model, one, features, t), _of_step(model, other, features, t)).any()


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_network_knows_the_last_coefficient(positions):
    model = randomize(build((2, 3), "shuffled", "bernoulli", _spec(positions)), 0)
    same = torch.ones(1, 2, 3, 1).double()
    one, other = (Order(torch.tensor(visits), (2, 3)) for visits in ([0, 5, 1, 2, 3, 4], [4, 5, 1, 2, 3, 0]))
    assert not torch.isclose(_of_step(model, one, same, 1), _of_step(model, other, same, 1)).any()


@given(shape=event_shapes(), width=st.integers(0, 12), seed=seeds)
def test_products_of_rotated_vectors_depend_on_the_offset_only(shape, width, seed):
    """Two pairs of coefficients with the same offset along every axis give the same product."""
    generator = torch.Generator().manual_seed(seed)
    query, key = torch.randn(2, 1, width, generator=generator, dtype=torch.float64)
    angles = RotaryEmbedding(shape, width).angles(query)
    n = math.prod(shape)
    products = rotate(query.expand(n, -1), angles) @ rotate(key.expand(n, -1), angles).T
    index = torch.stack(torch.unravel_index(torch.arange(n), (*shape, 1)), -1)
    apart = (index[:, None] - index).reshape(n * n, -1)
    _, kind = apart.unique(dim=0, return_inverse=True)
    first = torch.stack([products.flatten()[kind == k][0] for k in range(int(kind.max()) + 1)])
    torch.testing.assert_close(products.flatten(), first[kind], **CLOSE)


def test_every_axis_that_a_head_has_pairs_for_rotates():
    rotary = RotaryEmbedding((5, 1, 7, 3), 6)
    assert rotary.axis_of_pair == [0, 2, 3]
    assert (rotary.angles(torch.zeros(())).diff(dim=0).abs().sum(0) > 0).all()


def test_neighbors_rotate_differently_in_half_precision_too():
    angles = RotaryEmbedding((784,), 8).angles(torch.zeros((), dtype=torch.bfloat16))
    assert (angles.diff(dim=0) != 0).all()


def test_weights_begin_as_in_gpt_2():
    model = build((64,), "raster", "bernoulli", "transformer:channels=64,layers=8").backbone
    for block in model.layers:
        assert block.attention.inputs.weight.std().item() == pytest.approx(0.02, rel=0.1)
        for layer in block.residual_outputs():
            assert layer.weight.std().item() == pytest.approx(0.02 / 4, rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("heads=3", "transformer's channels to be a multiple of its heads"),
        ("kv_heads=3", "transformer's heads to be a multiple of its kv_heads"),
        ("heads=0", "heads"),
        ("kv_heads=0", "kv_heads"),
        ("channels=0", "channels"),
    ],
)
def test_sizes_that_make_no_network_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        build((4,), "raster", "bernoulli", f"transformer:{options}")


def test_an_attention_knows_the_order_of_its_steps_by_the_mask_alone():
    attention, steps = Attention(8, 2, 1).double(), torch.randn(1, 5, 8).double()
    swapped = steps[:, [1, 0, 2, 3, 4]]
    torch.testing.assert_close(attention(swapped)[:, 2:], attention(steps)[:, 2:], **CLOSE)
