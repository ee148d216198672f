"""Walking through an order one coefficient at a time, as fast sampling does."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.generation.steppers import make_stepper
from tensorar.generation.visits import Visits
from tensorar.model import AutoregressiveModel
from tensorar.stepper import Stepper
from tensorar.testing.check import CheckFailed, for_all
from tensorar.testing.generate.cases import Case, Subject, backbone_cases
from tensorar.testing.oracles import parameters_of


def stepper_is_the_forward_pass(subject: Subject) -> None:
    """A stepper tells at each step what the forward pass tells, two walks side by side in any order."""
    if subject.part.stepper is CausalBackbone.stepper:
        return

    def test(case: Case) -> None:
        model, order = case.model(), case.ordering.order(case.event_shape)
        walks = [_Walk(model, case.events(3, offset), case.contexts(3, offset)) for offset in (1, 2)]
        # as sampling does
        with torch.inference_mode():
            for t, visited in enumerate(order.visits.tolist()):
                for walk in walks:
                    walk.step(t, visited)

    for_all(backbone_cases(subject), test, examples=subject.profile.examples)


class _Walk:
    """One walk of a stepper, next to what one pass says."""

    def __init__(self, model: AutoregressiveModel, x: Tensor, context: Tensor | None) -> None:
        assert isinstance(model.backbone, CausalBackbone)
        self.expected = parameters_of(model, x, context).detach()
        self.features = model.features(x).reshape(len(x), len(model.order), -1)
        with torch.inference_mode():
            self.stepper: Stepper = make_stepper(model.backbone, Visits([model.order]), len(x), context)
        self.last: Tensor | None = None

    def step(self, t: int, visited: int) -> None:
        got, wanted = self.stepper.step(self.last), self.expected[:, visited]
        self.last = self.features[:, visited]
        if got.shape != wanted.shape or not torch.allclose(got, wanted, rtol=1e-9, atol=1e-9):
            raise CheckFailed(f"step {t} of the stepper tells other parameters than the forward pass")
