"""Global state of the process, which a network must leave as it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tensorar.testing.checks.comparison import describing, inputs
from tensorar.testing.checks.stepped_events import SteppedEvents
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.generate.reference_parts import Die
from tensorar.testing.kinds import is_causal
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import seed_everything, unchanged_modes
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

GENERATORS: dict[str, Callable[[], Any]] = {
    "torch": lambda: torch.get_rng_state().tolist(),
    "numpy": lambda: np.random.get_state()[1].tolist(),  # type: ignore[index]
    "random": random.getstate,
}


@check("backbone")
def leaves_global_state_alone(part: PartUnderTest) -> None:
    """Making, training and evaluating a network seeds no global generator and changes no mode of the process."""
    case = growing_cases(part, shapes=((4,), (2, 3), (2, 2, 2), (1, 2, 2, 2)), head=Die())[0]
    first, second = _states_after_use(case, 1), _states_after_use(case, 2)
    for name, state in first.items():
        if state == second[name]:
            raise CheckFailed(f"the global generator of {name} is seeded ({case.description})")


def _states_after_use(case: Case, seed: int) -> dict[str, Any]:
    """The states of the generators after a network was made and used, which depend on the states before."""
    seed_everything(seed)
    with describing(case), unchanged_modes("a network"):
        _use(case)
    return {name: read() for name, read in GENERATORS.items()}


def _use(case: Case) -> None:
    model = case.initial_model()
    model.loss(case.events(2).float()).backward()
    model.double().eval().backbone(*inputs(case, model))
    if is_causal(case.backbone):
        SteppedEvents.of(case, model).step()
