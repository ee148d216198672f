"""A stepper run through complete events, and compared with the forward pass."""

from __future__ import annotations

import torch

from tensorar.conditionals import all_conditionals
from tensorar.testing import events_of

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def stepped_parameters(model, features, context=None):
    """The parameters that a model's stepper returns one after the other: ``(batch, N, P)``, by flat index."""
    stepper = model.generation(len(features), context=context).stepper
    with torch.inference_mode():
        parameters = steps(stepper, features, model.order, range(len(model.order)))
    return torch.stack(parameters, 1)[:, model.order.rank.flatten()]


def steps(stepper, features, order, ts):
    """The parameters that a stepper returns at the steps ``ts``, ``(batch, P)`` each."""
    by_step = features.reshape(len(features), len(order), features.shape[-1])[:, order.visits]
    return [stepper.step(by_step[:, t - 1] if t else None) for t in ts]


def compare(model, *, batch=3, context=None, **tolerance):
    """The stepper returns the parameters of the forward pass for random events."""
    features = model.features(events_of(model, batch, 1)).to(model.features_dtype)
    expected = all_conditionals(model.backbone, features, model.order, context).detach()
    found = stepped_parameters(model, features, context)
    torch.testing.assert_close(found, expected.reshape(found.shape), **tolerance or CLOSE)


@torch.inference_mode()
def compare_selected(model, rows, *, context=None, **tolerance):
    """After some steps, selecting ``rows`` of three examples gives the forward pass of these; so does a reset."""
    features, rows = model.features(events_of(model, 3, 1)), torch.tensor(rows)
    expected = all_conditionals(model.backbone, features, model.order, context)
    expected = expected.reshape(3, -1, expected.shape[-1])[rows][:, model.order.visits].unbind(1)
    stepper, order, n = model.generation(3, context=context).stepper, model.order, len(model.order)
    steps(stepper, features, order, range(n // 2))
    stepper.select(rows)
    rest = steps(stepper, features[rows], order, range(n // 2, n))
    torch.testing.assert_close(rest, list(expected[n // 2 :]), **tolerance or CLOSE)
    stepper.reset()
    torch.testing.assert_close(steps(stepper, features[rows], order, range(n)), list(expected), **tolerance or CLOSE)
