"""Masked convolutions against the rule written out tap by tap."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tensorar import ShapeError, SpecError, build, default_registry
from tensorar.testing import event_shapes, orders, raster_like, seeds
from tensorar.testing.properties import composite
from tensorar_plugins.backbones.masked_conv import conv as conv_module
from tensorar_plugins.backbones.masked_conv import edges, locally_masked
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.edges import tap_edges
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.taps import Kernel, Ranks

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def _order(name, shape):
    return default_registry().create("ordering", name).order(shape)


@composite
def layers(draw, *, raster=False):
    """A masked convolution with the grid and the ranks that it is for."""
    shape = draw(event_shapes(max_coefficients=16))
    grid = Grid.of(
        shape, draw(st.none() | st.lists(st.sampled_from(range(len(shape))), unique=True) if shape else st.none())
    )
    order = _order(draw(raster_like(shape)), shape) if raster else draw(orders(shape))
    ranks = grid.ranks(order)
    if draw(st.booleans()):
        # numbers that are no permutation, as those of rows
        ranks = Ranks(ranks.rank.div(draw(st.integers(1, 5)), rounding_mode="floor"))
    kernel = tuple(draw(st.sampled_from([1, 3, 5])) for _ in grid.sizes)
    options = {"include_self": draw(st.booleans()), "dilation": draw(st.integers(1, 2)), "bias": draw(st.booleans())}
    inputs, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    torch.manual_seed(draw(seeds))
    conv = MaskedConv(grid, inputs, outputs, kernel, **options, ranks=draw(st.sampled_from([None, ranks])))
    return conv.double(), ranks, torch.randn(2, grid.groups * inputs, *grid.sizes).double().requires_grad_()


def _brute_force(conv, maps, rank):
    """The sum over all pairs of positions and groups, each with its own question to the ranks."""
    groups, *sizes = rank.shape
    weight = conv.weight.unflatten(0, (groups, -1)).unflatten(2, (groups, -1))
    maps = maps.unflatten(1, (groups, -1))
    positions = list(itertools.product(*map(range, sizes)))
    outputs = []
    for g, i in itertools.product(range(groups), positions):
        total = torch.zeros(len(maps), weight.shape[1]).double() + 0 * (maps.sum() + weight.sum())
        for s, j in itertools.product(range(groups), positions):
            offset = [b - a for a, b in zip(i, j, strict=True)]
            steps, rest = zip(*[divmod(o, conv.kernel.dilation) for o in offset], strict=True)
            tap = [step + size // 2 for step, size in zip(steps, conv.weight.shape[2:], strict=True)]
            inside = all(0 <= t < size for t, size in zip(tap, conv.weight.shape[2:], strict=True))
            before = rank[(s, *j)] <= rank[(g, *i)] if conv.include_self else rank[(s, *j)] < rank[(g, *i)]
            if inside and not any(rest) and before:
                total = (
                    total + maps[(slice(None), s, slice(None), *j)] @ weight[(g, slice(None), s, slice(None), *tap)].T
                )
        outputs.append(total if conv.bias is None else total + conv.bias.unflatten(0, (groups, -1))[g])
    out = torch.stack(outputs, 2).unflatten(2, (groups, *sizes))
    return out.movedim(2, 1).flatten(1, 2)


def _with_gradients(conv, out, maps, grad_out):
    parameters = [maps, conv.weight] + ([] if conv.bias is None else [conv.bias])
    gradients = torch.autograd.grad(out, parameters, grad_out, allow_unused=True, materialize_grads=True)
    return [out, *gradients]


@given(layer=layers())
def test_any_order_shape_kernel_and_groups_by_brute_force(layer):
    conv, ranks, maps = layer
    out, expected = conv(maps, ranks), _brute_force(conv, maps, ranks.rank)
    grad_out = torch.randn_like(expected)
    found, wanted = _with_gradients(conv, out, maps, grad_out), _with_gradients(conv, expected, maps, grad_out)
    torch.testing.assert_close(found, wanted, **CLOSE)


@pytest.mark.parametrize("surplus", [0, 100])
@given(layer=layers(raster=True))
def test_one_ordinary_convolution_equals_the_locally_masked_one(surplus, layer):
    conv, ranks, maps = layer
    assume(conv.taps(ranks).translation_invariant)
    with pytest.MonkeyPatch.context() as patch:
        # input padded on one side, or positions too many computed and left out
        patch.setattr(conv_module, "MAX_OVERHEAD", surplus)
        out = conv(maps, ranks)
    expected = conv._locally_masked(maps, conv.taps(ranks))
    grad_out = torch.randn_like(out)
    found, wanted = (_with_gradients(conv, result, maps, grad_out) for result in (out, expected))
    torch.testing.assert_close(found, wanted, **CLOSE)


@given(data=st.data())
def test_taps_of_every_raster_like_order_are_alike_everywhere(data):
    shape = data.draw(event_shapes(max_coefficients=60))
    channels = data.draw(st.lists(st.sampled_from(range(len(shape))), unique=True)) if shape else None
    grid = Grid.of(shape, channels)
    ranks = grid.ranks(_order(data.draw(raster_like(shape)), shape))
    assert ranks.taps(Kernel.of(3, grid.sizes), include_self=data.draw(st.booleans())).translation_invariant


@pytest.mark.parametrize(
    ("ordering", "uniform"),
    [("raster", True), ("diagonal", True), ("snake", False), ("hilbert", False), ("spiral", False), ("random", False)],
)
def test_which_orders_need_masks_of_their_own_at_every_position(ordering, uniform):
    grid = Grid.of((8, 8))
    taps = grid.ranks(_order(ordering, (8, 8))).taps(Kernel.of(3, grid.sizes), include_self=True)
    assert taps.translation_invariant == uniform


@given(layer=layers(raster=True))
def test_the_box_holds_all_live_taps_and_is_the_smallest_that_does(layer):
    conv, ranks, _ = layer
    taps = conv.taps(ranks)
    live = taps.weight_mask.any(2).any(1).unflatten(0, conv.kernel.size)
    inside = live[tuple(slice(a, b + 1) for a, b in taps.box)]
    assert inside.sum() == live.sum()
    if live.any():
        for axis in range(live.ndim):
            ends = inside.movedim(axis, 0)
            assert ends[0].any()
            assert ends[-1].any()


@pytest.mark.parametrize(
    ("ordering", "kernel", "include_self", "box"),
    [
        ("raster", 3, True, (2, 3)),
        ("raster", 7, False, (4, 7)),
        ("raster:axes=1 0", 3, True, (3, 2)),
        ("raster:flip=0", 7, False, (4, 7)),
        ("diagonal", 3, False, (2, 3)),
    ],
)
def test_no_work_is_done_beyond_the_box(ordering, kernel, include_self, box):
    grid = Grid.of((9, 9))
    ranks = grid.ranks(_order(ordering, (9, 9)))
    conv = MaskedConv(grid, 1, 1, kernel, include_self=include_self)
    assert conv._boxed_weight(conv.taps(ranks)).shape[2:] == box


def test_rows_are_ranks_too():
    """Whole rows before, and with ``include_self`` the own row: what the vertical stack of a Gated PixelCNN sees."""
    grid, rows = Grid.of((6, 5)), Ranks(torch.arange(6)[:, None].expand(6, 5)[None])
    for include_self, box in ((False, (1, 3)), (True, (2, 3))):
        conv = MaskedConv(grid, 1, 1, 3, include_self=include_self)
        assert conv._boxed_weight(conv.taps(rows)).shape[2:] == box
        assert conv.taps(rows).box_mask is None


@given(layer=layers())
def test_dead_weights_have_no_gradient_and_no_effect(layer):
    conv, ranks, maps = layer
    out = conv(maps, ranks)
    out.sum().backward()
    groups = len(ranks.rank)
    dead = ~conv.taps(ranks).weight_mask.unflatten(0, conv.kernel.size)
    dead = dead.movedim((-2, -1), (0, 1))
    dead = dead.repeat_interleave(len(conv.weight) // groups, 0).repeat_interleave(conv.weight.shape[1] // groups, 1)
    assert (conv.weight.grad[dead] == 0).all()
    assert (conv.weight.grad[~dead] != 0).all()
    with torch.no_grad():
        conv.weight[dead] = 1e6
    assert torch.equal(conv(maps, ranks), out)


@given(layer=layers())
def test_weights_stay_as_they_are(layer):
    conv, ranks, maps = layer
    before = copy.deepcopy(conv.state_dict())
    conv(maps, ranks).sum().backward()
    assert list(before) == (["weight"] if conv.bias is None else ["weight", "bias"])
    assert all(torch.equal(before[name], value) for name, value in conv.state_dict().items())


@pytest.mark.parametrize("ordering", ["raster", "snake"])
def test_copies_dtypes_and_other_batches_share_what_is_known_of_an_order(ordering):
    grid = Grid.of((6, 6))
    ranks = grid.ranks(_order(ordering, (6, 6)))
    assert grid.ranks(_order(ordering, (6, 6))) is ranks
    conv = MaskedConv(grid, 2, 3, 3, include_self=True)
    maps = torch.randn(5, 2, 6, 6)
    out = conv(maps, ranks)
    torch.testing.assert_close(copy.deepcopy(conv)(maps, ranks), out)
    torch.testing.assert_close(conv.double()(maps.double(), ranks).float(), out)
    assert conv(maps[:0].double(), ranks).shape == (0, 3, 6, 6)
    conv.float()
    with torch.autocast("cpu", torch.bfloat16):
        half = conv(conv(maps.bfloat16(), ranks)[:, :2], ranks)
    assert half.dtype == torch.bfloat16
    half.float().sum().backward()
    assert conv.weight.grad.dtype == torch.float32
    torch.testing.assert_close(half.float(), conv(out[:, :2], ranks), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("examples", [1, 3, 7])
@pytest.mark.parametrize("blocks", [range(1, 2), range(4, 9, 2), range(500, 501)])
def test_slices_of_the_batch_in_blocks_of_any_length_are_the_same(blocks, examples, monkeypatch):
    """Seven examples in slices of one size, or the last one smaller; blocks exactly full, filled up, or one for all."""
    shape = (5, 5)
    grid, order = Grid.of(shape), _order("spiral", shape)
    conv, maps = MaskedConv(grid, 2, 3, 3).double(), torch.randn(7, 2, *shape).double().requires_grad_()
    expected = _brute_force(conv, maps, grid.ranks(order).rank)
    grad_out = torch.randn_like(expected)
    monkeypatch.setattr(locally_masked, "MAX_ELEMENTS_PER_CALL", examples * 2 * 25)
    monkeypatch.setattr(edges, "BLOCK_SIZES", blocks)
    found = _with_gradients(conv, conv(maps, grid.ranks(order)), maps, grad_out)
    torch.testing.assert_close(found, _with_gradients(conv, expected, maps, grad_out), **CLOSE)


def test_devices_without_embedding_bag_give_the_same(monkeypatch):
    grid = Grid.of((5, 5))
    ranks = grid.ranks(_order("spiral", (5, 5)))
    conv, maps = MaskedConv(grid, 2, 3, 3).double(), torch.randn(7, 2, 5, 5).double().requires_grad_()
    grad_out = torch.randn(7, 3, 5, 5).double()
    expected = _with_gradients(conv, conv(maps, ranks), maps, grad_out)
    monkeypatch.setattr(edges, "EMBEDDING_BAG_DEVICES", ())
    torch.testing.assert_close(_with_gradients(conv, conv(maps, ranks), maps, grad_out), expected, **CLOSE)


def test_gradients_in_half_precision_are_summed_up_in_single(monkeypatch):
    """Adding 512 equal terms one by one in bfloat16 would lose half of them: the sum stops growing at 256."""
    monkeypatch.setattr(edges, "BLOCK_SIZES", range(1, 2))
    monkeypatch.setattr(locally_masked, "MAX_ELEMENTS_PER_CALL", 1)
    grid = Grid.of((2, 2))
    conv = MaskedConv(grid, 1, 1, 3, include_self=True).bfloat16()
    maps = torch.ones(512, 1, 2, 2, dtype=torch.bfloat16)
    conv(maps, grid.ranks(_order("snake", (2, 2)))).sum().backward()
    assert conv.weight.grad[0, 0].tolist() == [[512, 1024, 512], [512, 2048, 512], [0, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mixed_precision_is_that_of_convolutions(dtype):
    grid = Grid.of((5, 5))
    conv, maps = MaskedConv(grid, 2, 3, 3).to(dtype), torch.randn(7, 2, 5, 5, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        raster, spiral = (conv(maps, grid.ranks(_order(name, (5, 5)))) for name in ("raster", "spiral"))
    assert spiral.dtype == raster.dtype == (torch.bfloat16 if dtype == torch.float32 else dtype)


def test_the_number_of_cached_edges_is_bounded():
    grid = Grid.of((3, 3))
    taps = MaskedConv(grid, 2, 3, 3).taps(grid.ranks(_order("spiral", (3, 3))))
    first = tap_edges(taps, 1)
    assert tap_edges(taps, 1) is first
    for examples in range(2, 100):
        tap_edges(taps, examples)
    assert tap_edges(taps, 1) is not first


@pytest.mark.parametrize("ordering", ["raster", "hilbert"])
@pytest.mark.parametrize(("kernel", "include_self"), [(7, False), (3, True)])
def test_outputs_begin_at_the_size_of_a_dense_layer_whatever_is_masked(ordering, kernel, include_self):
    """Uniform weights within ``1 / sqrt(n)`` keep a third of the variance of ``n`` inputs."""
    grid = Grid.of((16, 16))
    ranks = grid.ranks(_order(ordering, (16, 16)))
    conv = MaskedConv(grid, 32, 256, kernel, include_self=include_self, ranks=ranks, bias=False)
    out = conv(torch.randn(16, 32, 16, 16), ranks).detach()
    assert float(out.square().mean()) == pytest.approx(1 / 3, rel=0.1)


# --- grids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "channels", "sizes", "groups"),
    [
        ((3, 32, 32), None, (32, 32), 3),
        ((32, 32, 3), None, (32, 32), 3),
        ((1, 28, 28), None, (28, 28), 1),
        ((2, 3), None, (2, 3), 1),
        ((4, 4, 4), None, (4, 4, 4), 1),
        ((4, 4, 5), None, (5,), 16),
        ((), None, (1,), 1),
        ((1, 1), None, (1,), 1),
        ((5, 6), (0, -1), (1,), 30),
        ((3, 32, 32), (), (3, 32, 32), 1),
    ],
)
def test_which_axes_are_convolved_over(shape, channels, sizes, groups):
    grid = Grid.of(shape, channels)
    assert (grid.sizes, grid.groups) == (sizes, groups)


@given(data=st.data())
def test_an_event_comes_back_from_its_maps(data):
    shape = data.draw(event_shapes(max_coefficients=30))
    channels = data.draw(st.lists(st.sampled_from(range(len(shape))), unique=True)) if shape else None
    grid = Grid.of(shape, channels)
    x = torch.randn(3, *shape, 2)
    maps = grid.maps(x)
    assert maps.shape == (3, grid.groups * 2, *grid.sizes)
    assert torch.equal(grid.events(maps), x)
    # ranks go where the values go
    rank = torch.randperm(x[0, ..., 0].numel()).reshape(shape)
    assert torch.equal(grid.maps(rank[None, ..., None].float())[0], grid.rank(rank).float())


def test_axes_and_kernels_that_are_none_are_refused():
    for channels in ("2", "0 -3"):
        with pytest.raises(ShapeError, match="channel axes of an event of shape"):
            build((5, 6), "raster", "bernoulli", f"pixelcnn:blocks=1,channels=2,channel_axes='{channels}'")
    for size in (2, 0, -1, (3,)):
        with pytest.raises(SpecError, match="odd kernel sizes"):
            Kernel.of(size, (5, 5))
    assert Kernel.of(7, (3, 1)).size == (5, 1)
