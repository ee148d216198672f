"""The laws of steppers for masked convolutions and PixelRNNs: selection, reset and memory."""

from __future__ import annotations

import pytest
import torch

from tensorar import build
from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of, randomize

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
SPECS = [
    "pixelcnn:channels=4,blocks=2",
    "gated_pixelcnn:channels=3,layers=2,kernel=3,first_kernel=3",
    "pixelsnail:channels=4,heads=2,blocks=2,layers=1,dropout=0.5",
    "row_lstm:channels=3,layers=2",
    "diagonal_bilstm:channels=3,layers=2",
]
# images with colors outside and inside of the pixels, a volume
SHAPES = [(4, 5), (3, 3, 4), (3, 4, 3), (3, 3, 4, 2)]

pytestmark = pytest.mark.parametrize("spec", SPECS)


def _model(spec, shape, context_features=0):
    return randomize(build(shape, "raster", "bernoulli", spec, context_features=context_features), 0, spread=0.4)


def _given(model, batch=4):
    """Features by visit, ``(batch, N, F)``, the context, and the parameters of one pass."""
    features = model.features(events_of(model, batch, 1))
    k = model.backbone.signature.context_features
    context = torch.randn(batch, k).double() if k else None
    expected = all_conditionals(model.backbone, features, model.order, context).detach()
    return features.reshape(batch, len(model.order), -1), context, expected.reshape(batch, len(model.order), -1)


def _require_steps(stepper, features, expected, steps):
    for t in steps:
        found = stepper.step(features[:, t - 1] if t else None)
        torch.testing.assert_close(found, expected[:, t], **CLOSE)


@torch.inference_mode()
@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_selected_examples_go_on_as_if_they_had_been_alone(spec, shape, context_features):
    model = _model(spec, shape, context_features)
    features, context, expected = _given(model)
    stepper, n = model.generation(4, context=context).stepper, len(model.order)
    begin = 0
    # in the middle of rows and of pixels: another order, repeats, fewer, more
    selections = [(3, [2, 0, 1, 3]), (7, [1, 1, 3, 0]), (n // 2 + 1, [3]), (n - 5, [0, 0, 0, 0, 0, 0])]
    for end, rows in selections:
        _require_steps(stepper, features, expected, range(begin, end))
        stepper.select(torch.tensor(rows))
        features, expected, begin = features[rows], expected[rows], end
    _require_steps(stepper, features, expected, range(begin, n))


@torch.inference_mode()
@pytest.mark.parametrize("shape", SHAPES)
def test_reset_begins_again_with_the_weights_as_they_are_now(spec, shape):
    model = _model(spec, shape)
    features, _, expected = _given(model)
    stepper = model.generation(4).stepper
    _require_steps(stepper, features, expected, range(7))
    stepper.reset()
    _require_steps(stepper, features, expected, range(len(model.order)))
    randomize(model, 1, spread=0.3)
    features, _, expected = _given(model)
    stepper.reset()
    _require_steps(stepper, features, expected, range(len(model.order)))


@torch.inference_mode()
@pytest.mark.parametrize("shape", SHAPES)
def test_copying_the_state_restores_it(spec, shape):
    model = _model(spec, shape)
    features, _, expected = _given(model)
    stepper, other = (model.generation(4).stepper for _ in range(2))
    _require_steps(stepper, features, expected, range(8))
    _require_steps(other, features.flip(0), expected.flip(0), range(8))
    for name, held in other.state().items():
        assert held.shape[0] == 4
        held.copy_(stepper.state()[name])
    _require_steps(other, features, expected, range(8, len(model.order)))
