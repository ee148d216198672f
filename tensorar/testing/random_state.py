"""Random states during a check: the same for each check, and the caller's restored afterwards; and torch's modes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from tensorar.utils.random_state import seeded


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Seed torch with 0, and restore the random states of torch, numpy and Python, and torch's modes, on exit."""
    state, numpy_state, dtype = random.getstate(), np.random.get_state(), torch.get_default_dtype()
    with seeded(0), torch.set_grad_enabled(torch.is_grad_enabled()):
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(numpy_state)
            torch.set_default_dtype(dtype)


def unseeded_state() -> Tensor:
    """Put torch into a random state that no seed produces, so that re-seeding is detected. Returns the state."""
    torch.rand(3)
    return torch.get_rng_state()
