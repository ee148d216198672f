"""The Gated PixelCNN: no blind spot, and the structure of the paper."""

from __future__ import annotations

import pytest
import torch

from tensorar import Order, build, dependency_matrix, receptive_field_coverage
from tensorar.testing import events_of, randomize
from tensorar_plugins.backbones.pixelcnn.gated import halves

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

# images, a sequence, volumes; colors inside, outside and between; sides of 1
SHAPES = [
    (6, 12),
    (12, 6),
    (14,),
    (),
    (1,),
    (1, 6, 7),
    (5, 5, 5),
    (2, 2, 2, 2),
    (3, 5, 6),
    (5, 3, 6),
    (5, 6, 3),
    (6, 2, 2),
]


def _model(shape, ordering="raster", *, layers=10, channels=8, context_features=0, **options):
    spec = ",".join(
        [f"gated_pixelcnn:channels={channels},output_channels=32,layers={layers},kernel=3,first_kernel=3"]
        + [f"{k}={v}" for k, v in options.items()]
    )
    return build(shape, ordering, "bernoulli", spec, context_features=context_features)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_sees_all_earlier_coefficients(shape):
    assert receptive_field_coverage(_model(shape, layers=14)) == 1


@pytest.mark.parametrize(
    ("ordering", "shape"), [("raster:axes=1 0", (5, 7)), ("raster:axes=1 2 0,flip=1 2", (3, 5, 6))]
)
def test_it_sees_all_earlier_coefficients_in_other_raster_orders(ordering, shape):
    assert receptive_field_coverage(_model(shape, ordering)) == 1


def test_with_too_few_layers_it_does_not():
    assert receptive_field_coverage(_model((6, 12), layers=3)) < 1


@pytest.mark.parametrize("layers", [14, 18])
def test_the_measurement_finds_the_blind_spot_of_a_stack_that_shifts_in_every_layer(layers):
    """The well-known mistake: each vertical layer reads the rows above only, so only the first sees the row above."""
    model = _model((6, 12), layers=layers)
    for layer in model.backbone.network.layers:
        layer.stacks[0].conv.include_self = False
    assert receptive_field_coverage(model) < 0.9
    seen = dependency_matrix(randomize(model, 0), events_of(model, 3, 0)).reshape(6, 12, 6, 12)
    blind = ~seen[3, 2]
    assert blind[2, 5:].all(), "above and to the right"
    assert seen[3, 2, 2, :4].all()


def test_nor_would_a_horizontal_stack_alone_do():
    model = _model((6, 12), layers=14)
    for layer in model.backbone.network.layers:
        torch.nn.Module.register_forward_hook(layer.links[0], lambda module, inputs, out: torch.zeros_like(out))
    assert receptive_field_coverage(model) < 0.2


def test_the_vertical_stack_at_a_row_depends_on_the_rows_before_and_no_other():
    backbone = randomize(_model((6, 5), layers=6), 0).backbone.network
    outputs = {}
    for i, layer in enumerate(backbone.layers):
        layer.stacks[0].register_forward_hook(lambda module, inputs, out, i=i: outputs.__setitem__(i, out))
    features = torch.randn(1, 6, 5, 1).double().requires_grad_()
    backbone(features, Order.raster((6, 5)))
    for maps in outputs.values():
        for row in range(6):
            (grad,) = torch.autograd.grad(maps[:, :, row].sum(), features, retain_graph=True)
            assert (grad[0, row:] == 0).all()
    assert (grad[0, :5, :, 0] != 0).all(), "at the end all rows before the last, as a whole"


def test_dilation_reaches_further_with_the_same_layers():
    near, far = (receptive_field_coverage(_model((20,), layers=4, dilation=d)) for d in ("1", "'1 2 4'"))
    assert near < 0.5
    assert far > 0.6
    assert receptive_field_coverage(_model((7, 7), layers=8, dilation="'1 2'")) == 1


@pytest.mark.parametrize(
    ("shape", "stacks"), [((9,), 1), ((6, 7), 2), ((5, 6, 7), 3), ((6, 7, 3), 2), ((3, 6, 7), 3), ((), 1)]
)
def test_a_stack_for_every_axis_that_has_others_inside(shape, stacks):
    layers = _model(shape, layers=2).backbone.network.layers
    assert [len(layer.stacks) for layer in layers] == [stacks, stacks]
    assert [len(layer.links) for layer in layers] == [stacks - 1, stacks - 1]


def test_a_layer_is_the_one_of_the_paper():
    """Figure 2 and equations 2 and 4: the vertical stack's maps before its gate go to the horizontal one."""
    backbone = randomize(_model((5, 6), layers=3, channels=4, context_features=2), 0).backbone.network
    ranks = backbone.stack_ranks(Order.raster((5, 6)))
    v, h, context = (torch.randn(2, *shape).double() for shape in ((4, 5, 6), (4, 5, 6), (2,)))
    for layer, residual in zip(backbone.layers[1:], (True, False), strict=True):
        vertical, horizontal = layer.stacks
        u = vertical.conv(v, ranks[0]) + vertical.context.map(context)[..., None, None]
        s = (
            horizontal.conv(h, ranks[1])
            + horizontal.context.map(context)[..., None, None]
            + layer.links[0](u, ranks[0])
        )
        gated_v, gated_h = (f.tanh() * g.sigmoid() for f, g in (u.split(4, 1), s.split(4, 1)))
        out = layer.out(gated_h, ranks[1])
        (found_v, found_h), skip = layer([v, h], ranks, context)
        torch.testing.assert_close(found_v, gated_v)
        torch.testing.assert_close(found_h, h + out[:, 4:] if residual else gated_h)
        torch.testing.assert_close(skip, out[:, :4])


def test_the_first_layer_is_strict_and_has_no_residual_the_others_are_not_and_do():
    layers = _model((5, 6), layers=3).backbone.network.layers
    assert [[stack.conv.include_self for stack in layer.stacks] for layer in layers] == [
        [False] * 2,
        [True] * 2,
        [True] * 2,
    ]
    assert [layer.first for layer in layers] == [True, False, False]


def test_halves_are_taken_within_each_group():
    maps = torch.arange(8.0).reshape(1, 8, 1)
    first, second = halves(maps, 2)
    assert first.flatten().tolist() == [0, 1, 4, 5]
    assert second.flatten().tolist() == [2, 3, 6, 7]


def test_every_parameter_is_used():
    """One that is not would stop training on several processes."""
    model = _model((3, 5, 6), layers=3, context_features=2).double()
    model.loss(events_of(model, 2, 0), torch.randn(2, 2).double()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_channel_axes_are_those_of_the_data_whatever_the_order():
    """Pixel by pixel the network gets the colors last; the option still counts the axes of the data."""
    first = build((3, 8, 8), "raster:axes=1 2 0", "bernoulli", "gated_pixelcnn:channels=8,layers=2,channel_axes=0")
    assert first.backbone.network.grid.event_shape == (8, 8, 3)
    assert first.backbone.network.grid.spatial_axes == (0, 1)
    last = build((3, 8, 8), "raster:axes=1 2 0", "bernoulli", "gated_pixelcnn:channels=8,layers=2,channel_axes=-3")
    assert last.backbone.network.grid == first.backbone.network.grid
