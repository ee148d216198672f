"""A walk of a stepper through complete events."""

from __future__ import annotations

import torch

from tensorar.conditionals import stepper_of


def walk(model, features, context=None):
    """All parameters as a model's stepper tells them one after the other: ``(batch, N, P)``, by flat index."""
    order, batch = model.order, len(features)
    flat = features.reshape(batch, len(order), -1)
    stepper, shown, parameters = stepper_of(model.backbone, order, batch, context), None, []
    with torch.inference_mode():
        for coefficient in order.visits.tolist():
            parameters.append(stepper.step(shown))
            shown = flat[:, coefficient]
    return torch.stack(parameters, 1)[:, order.rank.flatten()]
