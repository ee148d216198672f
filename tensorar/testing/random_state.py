"""Random states during a check: the same for each check, and the caller's restored afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tensorar.utils.random_state import seeded


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Seed torch with 0, and restore the random states of torch and Python on exit."""
    state = random.getstate()
    with seeded(0):
        try:
            yield
        finally:
            random.setstate(state)


def unseeded_state() -> Tensor:
    """Put torch into a random state that no seed produces, so that re-seeding is detected. Returns the state."""
    torch.rand(3)
    return torch.get_rng_state()
