"""The processes of a distributed training, from the environment that their launcher sets."""

from __future__ import annotations

import os

from tensorar.errors import TensorarError

# the variables of torchrun and accelerate launch, and of the MPI launchers that accelerate supports
COUNTS = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")


def process_count() -> int:
    """The number of processes that train together. Raises ``TensorarError`` for an invalid variable."""
    return _first_of(COUNTS, default=1, least=1)


def has_rank() -> bool:
    """Whether the launcher has given this process a rank."""
    return any(map(os.environ.get, RANKS))


def process_rank() -> int:
    """The rank of this process, 0 if it trains alone, whatever ``RANK`` is. Raises ``TensorarError``."""
    count = process_count()
    if count == 1:
        return 0
    rank = _first_of(RANKS, default=0, least=0)
    if rank >= count:
        raise _invalid("RANK", f"less than WORLD_SIZE ({count})", str(rank))
    return rank


def is_main_process() -> bool:
    """Whether this process writes the files and prints: the first one of those that train together."""
    return process_rank() == 0


def _first_of(names: tuple[str, ...], *, default: int, least: int) -> int:
    for name in names:
        if text := os.environ.get(name, ""):
            if not text.isdecimal() or int(text) < least:
                raise _invalid(name, f"an integer >= {least}", repr(text))
            return int(text)
    return default


def _invalid(name: str, expected: str, got: str) -> TensorarError:
    return TensorarError(
        expected=f"the environment variable {name} to be {expected}",
        got=got,
        remedy="start several processes with torchrun or accelerate launch, or unset WORLD_SIZE to train in one",
    )
