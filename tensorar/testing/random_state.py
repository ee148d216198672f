"""Global state during a check, of generators and modes: the same for each check, and what a part may not change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tensorar.testing.results import CheckFailed
from tensorar.utils.random_state import seeded

# words of the state of a Mersenne twister, all replaced once as many have been drawn
WORDS, MAX_TWISTS = 624, 500
MODES: dict[str, Callable[[], Any]] = {
    "the default dtype": torch.get_default_dtype,
    "the default device": torch.get_default_device,
    "whether gradients are computed": torch.is_grad_enabled,
    "the number of threads": torch.get_num_threads,
    "whether algorithms are deterministic": torch.are_deterministic_algorithms_enabled,
    "the precision of matrix products": torch.get_float32_matmul_precision,
    "numpy's handling of errors": np.geterr,
}


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
def unchanged_modes(what: str) -> Iterator[None]:
    """Raise ``CheckFailed`` if a mode of the process changes inside."""
    modes = {name: read() for name, read in MODES.items()}
    yield
    for name, read in MODES.items():
        if read() != modes[name]:
            raise CheckFailed(f"{what} changes {name} from {modes[name]} to {read()}")


@contextmanager
def unchanged_global_state(what: str) -> Iterator[None]:
    """Raise ``CheckFailed`` if a mode or the random state of torch or numpy changes inside, or Python's is seeded.

    Numbers may be drawn from Python's, as beartype does.
    """
    before, state, numpy_state = unseeded_state(), _python_state(), _numpy_state()
    with unchanged_modes(what):
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
