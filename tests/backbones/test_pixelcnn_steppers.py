"""Properties of both PixelCNN steppers."""

from __future__ import annotations

import pytest
import torch

from tensorar import build
from tensorar.testing import randomize
from tests.backbones.stepping_helpers import compare


@pytest.mark.parametrize(
    ("spec", "ordering", "shape"),
    [
        ("pixelcnn:channels=6,blocks=2", "snake", (6, 6)),
        ("gated_pixelcnn:channels=5,output_channels=6,layers=3", "raster", (5, 6)),
    ],
)
def test_batches_of_any_size_and_two_steppers_at_once(spec, ordering, shape):
    model = randomize(build(shape, ordering, "bernoulli", spec), 0, spread=0.4)
    for batch in (1, 2, 17):
        compare(model, batch=batch)
    order, ones = model.order, torch.ones(2, 1).double()
    first, second = (model.generation(2).stepper for _ in range(2))
    features, outputs = None, []
    with torch.inference_mode():
        for _ in range(len(order)):
            outputs.append(first.step(features))
            second.step(None if features is None else 1 - features)
            features = ones
        alone = model.generation(2).stepper
        # later steps leave the parameters that earlier ones returned as they are
        for t, output in enumerate(outputs):
            assert torch.equal(alone.step(None if t == 0 else ones), output)
