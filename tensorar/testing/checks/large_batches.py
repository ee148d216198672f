"""Batches of 70: the same parameters as in small batches."""

from __future__ import annotations

import torch

from tensorar.testing.checks.comparison import describing, require_same
from tensorar.testing.checks.stepped_events import SteppedEvents, require_own_stepper
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.kinds import Shape, is_causal
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check

BATCH = 70
SHAPES: tuple[Shape, ...] = ((7,), (2, 4), (2, 2, 2), (1, 2, 2, 2))


@check("backbone")
def same_in_a_large_batch(part: PartUnderTest) -> None:
    """The parameters of 70 events are the same in one batch and in batches of 7."""
    for case in growing_cases(part, shapes=SHAPES, context_features=2)[:2]:
        model, x, context = case.model(), case.events(BATCH), case.contexts(BATCH)
        assert context is not None
        with describing(case), torch.no_grad():
            together = parameters_of(model, x, context)
            parts = [parameters_of(model, *some) for some in zip(x.split(7), context.split(7), strict=True)]
            require_same(together, torch.cat(parts), f"{BATCH} events have other parameters in batches of 7")


@check("backbone", when=is_causal)
def stepper_is_the_forward_pass_in_a_large_batch(part: PartUnderTest) -> None:
    """Each step with a batch of 70 returns the parameters of the forward pass."""
    require_own_stepper(part.part)
    for case in growing_cases(part, shapes=SHAPES, context_features=2)[:2]:
        with describing(case):
            SteppedEvents(case.model(), case.events(BATCH), case.contexts(BATCH)).finish()
