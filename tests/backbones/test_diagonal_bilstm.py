"""The Diagonal BiLSTM against the textbook's loop over pixels; it sees everything, and no future."""

from __future__ import annotations

import pytest
import torch

from tensorar import Order, PartSpec, SpecError, build, dependency_matrix
from tensorar.testing import events_of, randomize
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.pixel_rnn.scan_directions import ScanDirections, shift_along
from tests.backbones.pixel_rnn_reference import Pixels, gate_mask, lstm

IMAGES = [(5, 6), (6, 5), (5, 1, 5), (5, 6, 3), (6, 5, 2)]
EVENTS = [(), (7,), (5, 3), (3, 5), (3, 5, 5), (5, 3, 5), (2, 2, 2), (2, 3, 2, 2), (2, 5, 2, 5), (5, 2, 2, 5)]


def _model(shape, *, spread=0.5, **options):
    spec = str(PartSpec("diagonal_bilstm", options))
    return randomize(build(shape, "raster", "bernoulli", spec), 0, spread=spread)


def _seen(model, events=1):
    return dependency_matrix(model, events_of(model, events, 1))


def _scan(layer, branch, maps, pixels):
    """The hidden states of one branch: from the left, or from the right."""
    ahead = (1, -1)[branch]
    state = layer.scan.channels
    width = state // pixels.groups
    kernel = layer.scan.weight[branch].unflatten(1, (-1, 2))
    first = (layer.scan.hidden[branch, :, 0, 0], layer.scan.cell[branch, :, 0, 0])
    states = {}
    for i in range(pixels.height):
        for j in range(pixels.width)[::ahead]:
            own = gate_mask(pixels.mask(i, j, i, j, width, 2 * width))
            gates = layer.bias[branch, :, 0] + (layer.weight[branch] * own) @ maps[:, i, j]
            # colors see each other at neighbors on both sides alike: those of the mirrored image lie before as well
            for tap, (there, rank) in enumerate((((i, j - ahead), (i, j - 1)), ((i - 1, j), (i - 1, j)))):
                mask = gate_mask(pixels.mask(i, j, *rank, width, width))
                gates = gates + (kernel[:, :, tap] * mask) @ states.get(there, first)[0]
            states[i, j] = lstm(gates, states.get((i, j - ahead), first)[1])
    return states


def _textbook(layer, maps, mirrored, pixels):
    """What one layer adds to the maps of one event ``(groups * 2h, height, width)``."""
    left, right = _scan(layer, 0, maps, pixels), _scan(layer, 1, mirrored, pixels)
    width, added = layer.scan.channels // pixels.groups, torch.zeros_like(maps)
    for i in range(pixels.height):
        for j in range(pixels.width):
            added[:, i, j] = layer.join.bias[:, 0]
            added[:, i, j] += (layer.join.weight * pixels.mask(i, j, i, j, 2 * width, width)) @ left[i, j][0]
            if i > 0:
                added[:, i, j] += layer.join.weight @ right[i - 1, j][0]
    return added


@pytest.mark.parametrize("shape", IMAGES)
def test_the_layers_are_those_of_the_textbook_and_so_are_their_gradients(shape):
    backbone = _model(shape, channels=2, layers=2).backbone.network
    order = Order.raster(shape)
    ranks, pixels = backbone.grid.ranks(order), Pixels(backbone.grid, order)
    seen = backbone.grid.maps(torch.randn(2, *shape, 1, dtype=torch.float64))
    maps = torch.randn(2, backbone.grid.groups * 4, *backbone.grid.sizes, dtype=torch.float64, requires_grad=True)
    fast = backbone.recur(maps, seen, ranks, None)
    slow = []
    for event, own in zip(maps, backbone.own_pixel(seen, ranks), strict=True):
        mirrored = event + own
        for layer in backbone.layers:
            event = mirrored = event + _textbook(layer, event, mirrored, pixels)
        slow.append(event)
    slow = torch.stack(slow)
    torch.testing.assert_close(fast, slow)
    towards = torch.randn_like(fast)
    inputs = [maps, *backbone.layers.parameters(), *backbone.own_pixel.parameters()]
    for one, other in zip(
        torch.autograd.grad(fast, inputs, towards), torch.autograd.grad(slow, inputs, towards), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [*IMAGES, *EVENTS])
def test_it_sees_everything_before_and_nothing_else(shape, training):
    model = _model(shape, channels=4, layers=1, spread=0.3).train(training)
    assert torch.equal(_seen(model, 3), model.order.causal_mask())


@pytest.mark.parametrize("shape", IMAGES)
def test_without_the_shift_the_right_branch_leaks(shape):
    model = _model(shape, channels=2, layers=1)
    assert not (_seen(model) & ~model.order.causal_mask()).any()
    join = model.backbone.network.layers[0].join
    assert [axis for shifts in join.shifts for _, axis in shifts].count(0) == 1
    join.shifts = [tuple((direction, None) for direction, _ in shifts) for shifts in join.shifts]
    assert (_seen(model) & ~model.order.causal_mask()).any()


def test_a_shift_moves_down_one_row():
    maps = torch.arange(6.0).reshape(1, 3, 2, 1)
    assert shift_along(maps, 0).flatten().tolist() == [0, 0, 0, 1, 2, 3]
    assert shift_along(maps, 1).flatten().tolist() == [0, 0, 0, 2, 0, 4]
    assert torch.equal(shift_along(maps, None), maps)


def _directions(shape):
    return ScanDirections(Grid.of(shape).ranks(Order.raster(shape)))


def test_which_mirror_images_there_are():
    assert _directions((7,)).mirrors == [()]
    assert _directions((5, 6)).mirrors == [(), (1,)]
    assert _directions((5, 6, 7)).mirrors == [(), (1,), (2,), (1, 2)]
    # colors last: as of an image. Colors first: all of an earlier plane, which lies on every side
    assert _directions((5, 6, 3)).mirrors == [(), (1,)]
    assert _directions((3, 5, 6)).mirrors == [(), (0,), (1,), (0, 1)]


def test_which_colors_see_which_at_earlier_pixels():
    """Colors last: all of an earlier pixel. Colors first: only the planes up to the own one. By rank, both."""
    last, first = _directions((5, 6, 3)), _directions((3, 5, 6))
    assert last.state_mask.all()
    planes = torch.arange(3)[:, None] >= torch.arange(3)
    assert (first.state_mask == planes).all()
    assert torch.equal(last.input_mask, planes)
    assert torch.equal(first.input_mask, planes)
    assert [view.mask.all() for view in last.views] == [False, True]


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3), (3, 5, 6), (5, 3, 6)])
def test_a_layer_scans_once_however_many_mirror_images(shape, monkeypatch):
    steps = []
    model = _model(shape, channels=2, layers=1)
    scan = model.backbone.network.layers[0].scan
    step = scan._step
    monkeypatch.setattr(scan, "_step", lambda *a: steps.append(1) or step(*a))
    model.log_prob(torch.zeros(1, *shape))
    assert len(steps) == sum(model.backbone.network.grid.sizes) - 1


def test_cell_states_are_kept_in_single_precision(monkeypatch):
    backbone = _model((6, 6), channels=2, layers=1).backbone.network.bfloat16()
    scan, kinds = backbone.layers[0].scan, set()
    step = scan._step

    def noticing(gates, hidden, cell, weight):
        hidden, cell = step(gates, hidden, cell, weight)
        kinds.add(cell.dtype)
        return hidden, cell

    monkeypatch.setattr(scan, "_step", noticing)
    assert backbone(torch.zeros(1, 6, 6, 1).bfloat16(), Order.raster((6, 6))).dtype == torch.bfloat16
    assert kinds == {torch.float32}


@pytest.mark.parametrize("options", ["layers=0", "channels=0", "channels=-3", "first_kernel=4"])
def test_options_that_make_no_network(options):
    with pytest.raises(SpecError):
        build((6, 6), "raster", "bernoulli", f"diagonal_bilstm:{options}")


def test_training_begins_with_a_memory():
    layer = build((5, 5), "raster", "bernoulli", "diagonal_bilstm:channels=2").backbone.network.layers[0]
    assert layer.bias.unflatten(1, (4, 2))[:, 1].eq(1).all()
    assert layer.bias.sum() == layer.bias.unflatten(1, (4, 2))[:, 1].sum()
