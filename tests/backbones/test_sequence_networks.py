"""Properties of recurrent network and transformer: they see nothing later and everything earlier, in all forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import build, dependency_matrix
from tensorar.testing import events_of, models, parameters_of, randomize, seeds

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SPECS = [
    *(f"rnn:cell={cell},hidden=5" for cell in ("tanh", "gru", "lstm")),
    *(
        f"transformer:channels=8,heads=2,kv_heads={k},layers=2,position_embedding={p}"
        for k, p in ((1, "learned"), (2, "rotary"))
    ),
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("training", [False, True])
@given(data=st.data())
def test_nothing_later_is_seen_and_an_example_is_alone_in_its_batch(spec, training, data):
    model = data.draw(models(backbone=spec, max_coefficients=12)).train(training)
    x, other = (events_of(model, 3, data.draw(seeds)) for _ in range(2))
    step = data.draw(st.integers(0, len(model.order) - 1))
    changed = torch.where(model.order.mask_before(step), x, other)
    until, output = model.order.visits[: step + 1], parameters_of(model, x)
    torch.testing.assert_close(parameters_of(model, changed)[:, until], output[:, until], **CLOSE)
    torch.testing.assert_close(parameters_of(model, x[1:2]), output[1:2], **CLOSE)


@pytest.mark.parametrize("spec", SPECS)
@given(data=st.data())
def test_everything_earlier_is_seen(spec, data):
    model = data.draw(models(backbone=spec, max_coefficients=10))
    assert torch.equal(dependency_matrix(model, events_of(model, 1, data.draw(seeds))), model.order.causal_mask())


@pytest.mark.parametrize(
    "spec",
    [
        "rnn:hidden=8,dropout=0.5",
        "transformer:channels=8,dropout=0.5",
        "pixelcnn:channels=8,blocks=1,dropout=0.5",
        "gated_pixelcnn:channels=8,layers=2,dropout=0.5",
        "pixelsnail:channels=8,blocks=1,layers=1,dropout=0.5",
    ],
)
def test_dropout_is_for_training_only(spec):
    model = randomize(build((6,), "raster", "bernoulli", spec), 0)
    x = events_of(model, 2, 0)
    assert torch.equal(parameters_of(model, x), parameters_of(model, x))
    model.train()
    assert not torch.equal(parameters_of(model, x), parameters_of(model, x))
