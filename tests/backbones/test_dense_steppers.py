"""NADE and MADE one step at a time, in all their forms."""

from __future__ import annotations

import pytest
import torch

from tensorar import build
from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of, randomize
from tests.backbones.stepping_helpers import compare_selected, stepped_parameters

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
SPECS = [
    *(f"made:hidden={h},layers={n},direct_connections={d}" for h in (3, 40) for n in (1, 3) for d in ("true", "false")),
    "made:hidden=20,connectivities=3",
    *(f"nade:hidden=5,activation={a},scaling={s}" for a in ("relu", "sigmoid") for s in ("true", "false")),
]


@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize(("ordering", "shape"), [("hilbert", (4, 4)), ("shuffled", (2, 3, 2)), ("raster", ())])
@pytest.mark.parametrize("spec", SPECS)
def test_steps_equal_the_forward_pass(spec, ordering, shape, context_features):
    head = "categorical:levels=3,one_hot=true"
    model = randomize(build(shape, ordering, head, spec, context_features=context_features), 0)
    features = model.features(events_of(model, 3, 1))
    context = torch.randn(3, context_features).double() if context_features else None
    expected = all_conditionals(model.backbone, features, model.order, context).reshape(3, len(model.order), -1)
    torch.testing.assert_close(stepped_parameters(model, features, context), expected, **CLOSE)


@pytest.mark.parametrize("rows", [[2, 0, 2], [1], [0, 0, 1, 2, 1]])
@pytest.mark.parametrize("context_features", [0, 2])
@pytest.mark.parametrize("spec", ["fvsbn", *SPECS])
def test_selected_examples_go_on_as_if_alone(spec, context_features, rows):
    head = "categorical:levels=3,one_hot=true"
    model = randomize(build((2, 3), "shuffled", head, spec, context_features=context_features), 0)
    compare_selected(model, rows, context=torch.randn(3, context_features).double() if context_features else None)


def test_the_stepper_uses_the_selected_connectivity():
    model = randomize(build((6,), "raster", "bernoulli", "made:hidden=20,connectivities=3"), 0)
    features = model.features(events_of(model, 3, 1))
    first = stepped_parameters(model, features)
    model.backbone.connectivity = 2
    expected = all_conditionals(model.backbone, features, model.order).reshape(3, 6, -1)
    torch.testing.assert_close(stepped_parameters(model, features), expected, **CLOSE)
    assert not torch.allclose(first, expected)


def test_every_unit_of_made_is_computed_once():
    model = randomize(build((30,), "raster", "bernoulli", "made:hidden=17,layers=2"), 0)
    for layer in model.generation(2).stepper.layers:
        assert len(layer.bounds) == 31
        assert layer.bounds == sorted(layer.bounds)
        assert (layer.bounds[0], layer.bounds[-1]) == (0, 17)
