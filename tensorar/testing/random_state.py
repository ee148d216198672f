"""Random states during a check: the same for each check, and the caller's restored afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tensorar.testing.results import CheckFailed
from tensorar.utils.random_state import seeded


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Seed torch with 0, and restore the random states of torch, Python and numpy on exit."""
    state, numpy_state = random.getstate(), np.random.get_state()
    with seeded(0):
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(numpy_state)


def unseeded_state() -> Tensor:
    """Put torch into a random state that no seed produces, so that re-seeding is detected. Returns the state."""
    torch.rand(3)
    return torch.get_rng_state()


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch, Python and numpy."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


@contextmanager
def unchanged_random_state(what: str) -> Iterator[None]:
    """Raise ``CheckFailed`` if the global random state of torch, Python or numpy changes inside."""
    # states that no seed produces, so that re-seeding is detected
    unseeded_state(), random.random(), np.random.rand()
    before = _global_states()
    yield
    after = _global_states()
    for library, state in before.items():
        if after[library] != state:
            raise CheckFailed(f"{what} changes the global random state of {library}")


def _global_states() -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "random": random.getstate(),
        "numpy": [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
    }
