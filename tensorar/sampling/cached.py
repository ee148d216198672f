"""Sampling with a stepper: every activation is computed once, by the time it is needed."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.conditionals import stepper_of
from tensorar.sampling.walk import Walk


def cached(walk: Walk) -> int:
    """Complete the walk's events in one walk of the backbone's stepper: the arithmetic of about one pass."""
    backbone = walk.model.backbone
    assert isinstance(backbone, CausalBackbone)
    # no operation here is ever differentiated: without its bookkeeping each is faster by a microsecond or two
    with torch.inference_mode():
        drawn = _by_step(walk, stepper_of(backbone, walk.order, len(walk.value), walk.context).step)
    walk.value[:, walk.order.visits] = drawn.T
    return 1


def _by_step(walk: Walk, step) -> Tensor:  # type: ignore[no-untyped-def]
    model, value = walk.model, walk.value
    drawn = torch.empty(value.shape[::-1], dtype=value.dtype, device=value.device)
    features = None
    for t, coefficient in enumerate(walk.visits):
        parameters = step(features)
        rows = walk.unknown(t)
        if rows is None:
            now = walk.draw(parameters, t)
        else:
            now = value[:, coefficient].clone()
            if len(rows):
                now[rows] = walk.draw(parameters[rows], t, rows)
        drawn[t] = now
        features = model.features(now)
        walk.tick(1)
    return drawn
