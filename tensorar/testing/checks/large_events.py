"""Events of 40 and of 200 coefficients: causality at some steps, and walks of steppers."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.checks.comparison import describing
from tensorar.testing.checks.leaks import (
    conditional_of,
    other_values,
    require_no_leak,
    visited_coefficient,
)
from tensorar.testing.checks.stepped_events import SteppedEvents, require_own_stepper
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.large_cases import large_cases
from tensorar.testing.kinds import is_causal
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

SIZES = (40, 200)
# steps at which values change; a leak from any later coefficient shows when all from a step on change
STEPS = 16


@check("backbone", when=is_causal)
def no_leak_in_large_events(part: PartUnderTest) -> None:
    """In events of 40 and of 200 coefficients, no conditional changes with its own or later ones (at some steps)."""
    for size in SIZES:
        for case in large_cases(part, size):
            with describing(case):
                require_no_leak_at_some_steps(case.mild_model(), case)


@check("backbone", when=is_causal)
def stepper_is_the_forward_pass_in_large_events(part: PartUnderTest) -> None:
    """Each step of a walk of 40 coefficients (thorough: and of 200) returns the parameters of the forward pass."""
    require_own_stepper(part.part)
    for size in SIZES if part.profile.name == "thorough" else SIZES[:1]:
        for case in large_cases(part, size):
            with describing(case):
                SteppedEvents.of(case, case.mild_model()).finish()


# --- helpers ---------------------------------------------------------------------------------------------------------


def require_no_leak_at_some_steps(model: AutoregressiveModel, case: Case) -> None:
    """Like ``require_no_leak``, at up to ``STEPS`` steps."""
    require_no_leak(model, case, steps=some_steps(len(model.order), STEPS))


def some_steps(n: int, count: int) -> list[int]:
    """Up to ``count`` steps, evenly spaced, the first and the last among them."""
    return torch.linspace(0, n - 1, min(n, count)).round().long().tolist()


def require_long_memory(case: Case) -> None:
    """Raise ``CheckFailed`` unless conditionals depend on the coefficients of some steps, however early."""
    order = case.ordering.order(case.event_shape)
    steps = some_steps(len(order), 6)
    rank = order.rank.flatten()
    depends = rank[None] <= torch.tensor(steps)[:, None]
    for seed in range(3):
        # any difference counts: what is far back may have little weight
        if not depends.all():
            depends |= _changed(replace(case, seed=seed).mild_model(), case, order, steps)
    if not depends.all():
        k, i = (~depends).nonzero()[0].tolist()
        source = visited_coefficient(order, int(order.visits[steps[k]]))
        raise CheckFailed(f"{conditional_of(order, i)} never depends on {source}, and blind_spot is None")


def _changed(model: AutoregressiveModel, case: Case, order: Order, steps: list[int]) -> Tensor:
    """Whether the conditional of each coefficient (column) changes with that visited at each step (row)."""
    x = case.events(1)
    at = torch.tensor(steps).reshape(-1, *[1] * len(case.event_shape))
    events = torch.cat([x, torch.where(order.rank == at, other_values(case, x), x)])
    with torch.no_grad():
        parameters = parameters_of(model, events, case.contexts(len(events)))
    return (parameters[1:] != parameters[:1]).any(-1)
