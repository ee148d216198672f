"""Properties of both PixelRNNs: one coefficient at a time they are the network of one pass, on every grid."""

from __future__ import annotations

import copy

import pytest
import torch

from tensorar import PartSpec, build
from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of, randomize
from tests.backbones.stepper_state import state_bytes
from tests.backbones.stepping_helpers import stepped_parameters

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
EVENTS = [(), (1,), (9,), (5, 6), (6, 5), (2, 2), (5, 1, 5), (9, 11), (5, 5, 5), (2, 3, 2, 2), (2, 2, 2, 2)]
COLORS = [(5, 6, 3), (3, 5, 6), (5, 3, 6), (7, 3), (2, 5, 5, 2), (2, 5, 2, 5), (5, 2, 2, 5)]


pytestmark = pytest.mark.parametrize("name", ["row_lstm", "diagonal_bilstm"])


def _model(name, shape, *, context_features=0, **options):
    spec = str(PartSpec(name, {"channels": 3, "layers": 2} | options))
    head = "categorical:levels=3,one_hot=true"
    return randomize(build(shape, "raster", head, spec, context_features=context_features), 0, spread=0.4)


def _both(model, batch=3):
    features = model.features(events_of(model, batch, 1))
    k = model.backbone.signature.context_features
    context = torch.randn(batch, k, generator=torch.Generator().manual_seed(0)).double() if k else None
    expected = all_conditionals(model.backbone, features, model.order, context).reshape(batch, len(model.order), -1)
    return stepped_parameters(model, features, context), expected


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("shape", EVENTS + COLORS)
def test_the_steps_are_those_of_one_pass(name, shape, context_features):
    torch.testing.assert_close(*_both(_model(name, shape, context_features=context_features)), **CLOSE)


@pytest.mark.parametrize("options", [{"first_kernel": 1}, {"first_kernel": 3}, {"layers": 1}, {"layers": 3}])
@pytest.mark.parametrize("shape", [(6, 7), (5, 6, 3), (3, 5, 6)])
def test_the_steps_with_other_kernels_and_depths(name, shape, options):
    torch.testing.assert_close(*_both(_model(name, shape, **options)), **CLOSE)


@pytest.mark.parametrize("shape", [(5, 150), (2, 9, 10)])
def test_slices_larger_than_what_one_product_computes(name, shape):
    torch.testing.assert_close(*_both(_model(name, shape, layers=1)), **CLOSE)


def test_copies_and_float32_likelihoods_in_half_precision(name):
    model = _model(name, (6, 6))
    x = events_of(model, 3, 0)
    torch.testing.assert_close(copy.deepcopy(model).log_prob(x), model.log_prob(x))
    assert model.bfloat16().log_prob(x.float()).dtype == torch.float32


@pytest.mark.parametrize("batch", [1, 17])
def test_batches_of_any_size_and_weights_left_alone(name, batch):
    model = _model(name, (6, 7))
    before = copy.deepcopy(model.state_dict())
    torch.testing.assert_close(*_both(model, batch), **CLOSE)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_in_half_precision_as_one_pass_is(name):
    model = _model(name, (6, 6)).bfloat16()
    features = model.features(events_of(model, 3, 1).bfloat16())
    expected = all_conditionals(model.backbone, features, model.order).reshape(3, 36, -1)
    torch.testing.assert_close(stepped_parameters(model, features), expected, rtol=0.1, atol=0.1)


def test_the_state_is_some_rows(name):
    """Twice as many rows take no more memory for each example."""
    short, long = (_model(name, (rows, 8)) for rows in (8, 16))
    cases = ((short, 1), (short, 11), (long, 1), (long, 11))
    sizes = [state_bytes(m.generation(n).stepper) for m, n in cases]
    assert sizes[1] - sizes[0] == sizes[3] - sizes[2] > 0
