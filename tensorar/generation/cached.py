"""Sampling with a stepper: every activation is computed once, by the time it is needed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.conditionals import stepper_of
from tensorar.generation.cuda_graphs import CapturedRun, GraphCapture, capturable
from tensorar.generation.walk import Walk


class Cached:
    """Completes walk after walk, each in one walk of the backbone's stepper: the arithmetic of about one pass.

    With a ``recorder`` the first walk is recorded, and those like it are replays of it.
    """

    def __init__(self, recorder: Callable[[], GraphCapture] | None = None) -> None:
        self.recorder = recorder
        self.recorded: CapturedRun | None = None

    def __call__(self, walk: Walk) -> int:
        """Fill in what is unknown; how many passes of the network that took."""
        # no operation here is ever differentiated: without its bookkeeping each is faster by a microsecond or two
        with torch.inference_mode():
            drawn = self._drawn(walk)
        walk.value[:, walk.order.visits] = drawn.T
        backbone = walk.model.backbone
        return 1 if isinstance(backbone, CausalBackbone) and backbone.has_stepper else len(walk.visits)

    def _drawn(self, walk: Walk) -> Tensor:
        if self.recorded is not None and self.recorded.fits(walk):
            walk.tick(len(walk.visits))
            return self.recorded.again(walk)
        backbone = walk.model.backbone
        assert isinstance(backbone, CausalBackbone)
        stepper = stepper_of(backbone, walk.order, len(walk.value), walk.context)
        if self.recorder is None or not capturable(walk):
            return _by_step(walk, stepper.step)
        self.recorded = CapturedRun(walk, stepper, _by_step, self.recorder())
        return self.recorded.drawn.clone()


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
