"""The recurrent network and the transformer one step at a time, in all their forms."""

from __future__ import annotations

import pytest
import torch

from tensorar import build
from tensorar.conditionals import all_conditionals
from tensorar.generation.batch_size import held_bytes
from tensorar.testing import events_of, randomize
from tests.backbones.stepping_helpers import compare_selected, stepped_parameters

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
SPECS = [
    *(
        f"rnn:hidden=6,layers=2,embedding=3,cell={c},position_embedding={p}"
        for c in ("tanh", "gru", "lstm")
        for p in ("true", "false")
    ),
    "rnn:hidden=6,layers=1,dropout=0.5",
    *(
        f"transformer:channels=8,layers=2,heads={h},kv_heads={k},position_embedding={p}"
        for h, k in ((1, 1), (4, 1), (4, 2), (4, 4))
        for p in ("learned", "rotary")
    ),
]


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("ordering", ["raster", "hilbert", "shuffled"])
@pytest.mark.parametrize("spec", SPECS)
def test_steps_equal_the_forward_pass(spec, ordering, context_features):
    head = "categorical:levels=3,one_hot=true"
    model = randomize(build((4, 4), ordering, head, spec, context_features=context_features), 0)
    x = events_of(model, 3, 1)
    context = torch.randn(3, context_features).double() if context_features else None
    features = model.features(x)
    expected = all_conditionals(model.backbone, features, model.order, context).reshape(3, 16, -1)
    torch.testing.assert_close(stepped_parameters(model, features, context), expected, **CLOSE)


@pytest.mark.parametrize("rows", [[2, 0, 2], [1], [0, 0, 1, 2, 1]])
@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("spec", SPECS)
def test_selected_examples_go_on_as_if_alone(spec, context_features, rows):
    model = randomize(build((2, 3), "shuffled", "bernoulli", spec, context_features=context_features), 0)
    compare_selected(model, rows, context=torch.randn(3, context_features).double() if context_features else None)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_heads_that_share_a_key_and_value_keep_one_of_each(kv_heads):
    model = build((4, 4), "raster", "bernoulli", f"transformer:channels=32,heads=4,layers=3,kv_heads={kv_heads}")
    sizes = [held_bytes(model.generation(batch).stepper) for batch in (1, 2)]
    keys_and_values, width, steps, layers = 2, 32 // 4, 16, 3
    assert sizes[1] - sizes[0] == layers * keys_and_values * kv_heads * width * steps * model.dtype.itemsize


@pytest.mark.parametrize("spec", SPECS)
def test_an_empty_batch(spec):
    model = build((2, 2), "raster", "bernoulli", spec).double()
    assert stepped_parameters(model, torch.zeros(0, 2, 2, 1).double()).shape == (0, 4, 1)
