"""Random numbers that depend on a generator alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tensorar.seeding import seeded


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
