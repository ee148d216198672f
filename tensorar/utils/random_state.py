"""torch's global random numbers from a seed, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU = torch.device("cpu")


def seed_all(seed: int) -> None:
    """``torch.manual_seed``, without the milliseconds that it spends on devices that are not there."""
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seed the CPU and one device inside the context, and restore their generators afterwards.

    ``torch.manual_seed`` would seed every device, and the states of the other devices would not be restored.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []), _mps_state_restored(device):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


@contextmanager
def own_stream(device: torch.device = CPU) -> Iterator[None]:
    """Draw from a stream that one number of the current one starts: later draws do not depend on how many are made."""
    with seeded(int(torch.randint(2**62, ())), device):
        yield


@contextmanager
def _mps_state_restored(device: torch.device) -> Iterator[None]:
    """Restore the state of MPS afterwards, which ``torch.random.fork_rng`` does only for CUDA by default."""
    if device.type != "mps":
        yield
        return
    state = torch.mps.get_rng_state()
    try:
        yield
    finally:
        torch.mps.set_rng_state(state)


@contextmanager
def reproducible(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Make every draw inside depend on the generator alone, and leave torch's global state as it was.

    ``torch.distributions`` draw from the global state and take no generator, so it is seeded from the generator.
    Without a generator the global state is used as it is.
    """
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with seeded(seed, device):
        yield
