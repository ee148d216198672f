"""A walk of a stepper through complete events."""

from __future__ import annotations

import torch

from tensorar.conditionals import all_conditionals
from tensorar.generation.steppers import make_stepper
from tensorar.generation.visits import Visits
from tests.strategies import events_of

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def walk(model, features, context=None):
    """All parameters as a model's stepper tells them one after the other: ``(batch, N, P)``, by flat index."""
    order, batch = model.order, len(features)
    flat = features.reshape(batch, len(order), features.shape[-1])
    stepper, shown, parameters = make_stepper(model.backbone, Visits([order]), batch, context), None, []
    with torch.inference_mode():
        for coefficient in order.visits.tolist():
            parameters.append(stepper.step(shown))
            shown = flat[:, coefficient]
    return torch.stack(parameters, 1)[:, order.rank.flatten()]


def compare(model, *, batch=3, context=None, **tolerance):
    """The parameters of a walk through random events are those of one pass."""
    features = model.features(events_of(model, batch, 1)).to(model.features_dtype)
    expected = all_conditionals(model.backbone, features, model.order, context).detach()
    found = walk(model, features, context)
    torch.testing.assert_close(found, expected.reshape(found.shape), **tolerance or CLOSE)
