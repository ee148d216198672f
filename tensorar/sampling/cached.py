"""Sampling with a stepper: every activation is computed once, by the time it is needed."""

from __future__ import annotations

from collections.abc import Callable

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


def _by_step(walk: Walk, step: Callable[[Tensor | None], Tensor]) -> Tensor:
    drawn: list[Tensor] = []
    for t in range(len(walk.visits)):
        parameters = step(walk.features(drawn[-1]) if drawn else None)
        drawn.append(_known_or_drawn(walk, parameters, t))
        walk.tick(1)
    return torch.stack(drawn)


def _known_or_drawn(walk: Walk, parameters: Tensor, t: int) -> Tensor:
    rows = walk.unknown(t)
    if rows is None:
        return walk.draw(parameters, t)
    now = walk.value[:, walk.visits[t]].clone()
    if len(rows):
        now[rows] = walk.draw(parameters[rows], t, rows)
    return now
