"""Random states during a check: the same for each check, and the caller's restored afterwards; and torch's modes."""

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

# words of the state of a Mersenne twister, all replaced once as many have been drawn
WORDS, MAX_TWISTS = 624, 500


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


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch, Python and numpy."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


@contextmanager
def unchanged_random_state(what: str) -> Iterator[None]:
    """Raise ``CheckFailed`` if the global random state of torch or numpy changes inside, or Python's is seeded.

    Numbers may be drawn from Python's, as beartype does.
    """
    before, state, numpy_state = unseeded_state(), _python_state(), _numpy_state()
    yield
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed(f"{what} changes the global random state of torch")
    if _numpy_state(draw=False) != numpy_state:
        raise CheckFailed(f"{what} changes the global random state of numpy")
    if not _follows(random.getstate(), state):
        raise CheckFailed(f"{what} seeds the global generator of Python's random")


def _python_state() -> Any:
    random.seed("a state that no part's own seed gives")
    return random.getstate()


def _numpy_state(*, draw: bool = True) -> list[Any]:
    if draw:
        np.random.rand()
    return [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()]


def _follows(state: Any, before: Any) -> bool:
    """Whether a state of Python's generator follows from an earlier one by drawing numbers."""
    generator = random.Random()
    generator.setstate(before)
    for _ in range(MAX_TWISTS):
        if generator.getstate()[1][:-1] == state[1][:-1]:
            return True
        generator.getrandbits(32 * WORDS)
    return False
