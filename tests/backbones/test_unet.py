"""The U-Net: any sizes, outputs that depend on all of the evidence, and on nothing else in the batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Signature, SpecError, build, default_registry
from tensorar.testing import event_shapes, randomize, seeds


def _make(shape, options="channels=8", **signature):
    made = {"feature_count": 1, "parameter_count": 2, **signature}
    return default_registry().create("backbone", f"unet:{options}", Signature(shape, **made)).double().eval()


def _random(shape, seed=0, options="channels=8", **signature):
    network = _make(shape, options, **signature)
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return network


def _everything(network, batch):
    return torch.arange(torch.Size(network.signature.event_shape).numel()).expand(batch, -1)


def _seen(network, batch, seed, known=0.5):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, *network.signature.event_shape)
    mask = torch.rand(shape, generator=generator) < known
    features = torch.randn(*shape, network.signature.feature_count, generator=generator, dtype=torch.float64)
    return torch.where(mask.unsqueeze(-1), features, 0.0), mask


@given(shape=event_shapes(max_coefficients=40), levels=st.integers(1, 6), blocks=st.integers(1, 2), seed=seeds)
def test_any_shape_and_depth_go_through(shape, levels, blocks, seed):
    network = _random(shape, seed % 100, f"channels=2,levels={levels},blocks={blocks}", feature_count=2)
    features, mask = _seen(network, 3, seed)
    output = network(features, mask, _everything(network, 3))
    assert output.shape == (3, torch.Size(shape).numel(), 2)
    assert output.isfinite().all()


@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (7,), (33,), (1, 5), (7, 5), (3, 9, 6), (9, 6, 3), (2, 5, 6, 7)])
def test_each_output_depends_on_all_known_values(shape):
    """Every position sees every other one, whatever the sizes."""
    network = _random(shape, options="channels=8,levels=6")
    features, mask = _seen(network, 1, 0, known=1.1)
    query = _everything(network, 1)
    gradients = torch.autograd.functional.jacobian(lambda f: network(f, mask, query)[0].sum(1), features)
    n = mask.numel()
    assert gradients.reshape(n, n).ne(0).all()


@given(seed=seeds)
def test_examples_are_independent_of_the_rest_of_the_batch(seed):
    network = _random((5, 6), context_features=2).train()
    features, mask = _seen(network, 4, seed)
    context, query = torch.randn(4, 2, dtype=torch.float64), _everything(network, 4)
    together = network(features, mask, query, context)
    for i in range(4):
        one = slice(i, i + 1)
        torch.testing.assert_close(network(features[one], mask[one], query[one], context[one]), together[one])


def test_levels_end_at_a_single_position():
    def depth(network):
        level, count = network.levels, 1
        while not level.coarsest:
            level, count = level.coarser, count + 1
        return count

    assert [depth(_make((size,), "channels=2,levels=9")) for size in (1, 2, 3, 4, 5, 8, 9)] == [1, 2, 3, 3, 4, 4, 5]
    assert depth(_make((28, 28), "channels=2")) == 3
    assert depth(_make((), "channels=2")) == 1


@pytest.mark.parametrize(
    ("shape", "sizes", "groups"),
    [
        ((3, 8, 9), (8, 9), 3),
        ((8, 9, 3), (8, 9), 3),
        ((1, 8, 9), (8, 9), 1),
        ((2, 3), (2, 3), 1),
        ((3, 5, 6, 7), (5, 6, 7), 3),
        ((6, 5, 7, 8), (6, 7, 8), 5),
        ((), (1,), 1),
    ],
)
def test_short_axes_are_channels(shape, sizes, groups):
    grid = _make(shape).grid
    assert (grid.sizes, grid.groups) == (sizes, groups)


def test_before_training_every_output_is_the_marginal():
    model = build((2, 6, 5), "shuffled", "categorical:levels=3", "unet:channels=8")
    marginal = torch.randn(2, 6, 5, 3)
    model.backbone.init_output_bias(marginal)
    found = model.conditionals(torch.randint(3, (2, 2, 6, 5)).float()).logits
    expected = marginal - marginal.logsumexp(-1, keepdim=True)
    torch.testing.assert_close(found, expected.expand(2, -1, -1, -1, -1))


def test_colors_of_one_pixel_see_each_other():
    model = randomize(build((3, 5, 6), "shuffled", "bernoulli", "unet:channels=8"), 0, spread=0.3)
    mask = torch.zeros(2, 3, 5, 6, dtype=torch.bool)
    mask[:, 0, 2, 3] = True
    features = torch.zeros(2, 3, 5, 6, 1).double()
    features[1, 0, 2, 3] = 1
    output = model.backbone(features, mask, _everything(model.backbone, 2)).reshape(2, 3, 5, 6)
    assert (output[0, 1:, 2, 3] != output[1, 1:, 2, 3]).all()


@pytest.mark.parametrize("size", [100.0, 1000.0])
def test_large_weights_give_finite_parameters_in_single_precision(size):
    network = _make((6, 6)).float()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=size, generator=torch.Generator().manual_seed(0))
    features, mask = _seen(network, 3, seed=1)
    assert network(features.float(), mask, _everything(network, 3)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    network = _random((6, 6))
    features, mask = _seen(network, 3, seed=1)
    expected = network(features, mask, _everything(network, 3))
    found = network.to(dtype)(features.to(dtype), mask, _everything(network, 3))
    torch.testing.assert_close(found.double(), expected, rtol=0.1, atol=0.1 * expected.abs().max().item())


def test_dropout_is_for_training_alone():
    network = _random((8,), options="channels=8,dropout=0.5")
    features, mask = _seen(network, 2, 0)
    query = _everything(network, 2)
    assert torch.equal(network(features, mask, query), network(features, mask, query))
    network.train()
    assert not torch.equal(network(features, mask, query), network(features, mask, query))


def test_evidence_that_determines_the_rest_is_learnt():
    """Copies of one coin: the first one observed determines all others."""
    torch.manual_seed(0)
    model = build((6,), "shuffled", "bernoulli", "unet:channels=8,levels=2,blocks=1")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        x = torch.randint(2, (64, 1)).float().expand(-1, 6)
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
    with torch.no_grad():
        nats = -model.log_prob(torch.tensor([[0.0], [1.0]]).expand(-1, 6))
    # the entropy is log 2 = 0.693
    assert nats.mean() < 0.9


@pytest.mark.parametrize("options", ["channels=1", "channels=0", "levels=0", "blocks=0", "blocks=-1"])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(SpecError, match="unet's"):
        build((4,), "raster", "bernoulli", f"unet:{options}")
