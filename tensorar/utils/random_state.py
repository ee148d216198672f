"""torch's global random numbers from a seed, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU = torch.device("cpu")


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Draws on the CPU and on one device follow the seed; afterwards all generators are as they were.

    ``torch.manual_seed`` would seed every device there is, and leave those behind that are not given back their state.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


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
