"""Cutting one set of events into training, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tensorar import DataError, Dataset, SpecError
from tensorar_plugins.datasets.seeded_streams import stream


@dataclass(frozen=True, kw_only=True)
class SplitFile(Dataset):
    """What the datasets of the user's own files share: a path, and how its events are shuffled and split."""

    path: str
    valid_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    def __post_init__(self):
        check_fractions(self.name, valid_fraction=self.valid_fraction, test_fraction=self.test_fraction)


def check_fractions(name: str, **fractions: float) -> None:
    """Raise ``SpecError`` for fractions that leave one of the parts, or the training part, empty."""
    for option, fraction in fractions.items():
        if not 0 < fraction < 1:
            raise SpecError(
                expected=f"{name}'s {option} between 0 and 1",
                got=str(fraction),
                remedy=f"write for example {option}=0.1",
            )
    if sum(fractions.values()) >= 1:
        raise SpecError(
            expected=f"{name}'s {' and '.join(fractions)} to leave something to train on",
            got=" + ".join(map(str, fractions.values())),
            remedy="give smaller fractions",
        )


def split(events: Tensor, fractions: list[float], seed: int, *, where: str) -> list[Tensor]:
    """Shuffle ``(n, *event)`` and cut off a part per fraction, each of at least one event; what is left comes first.

    Raises ``DataError`` for too few events.
    """
    n = len(events)
    sizes = [max(1, round(n * fraction)) for fraction in fractions]
    if n <= sum(sizes):
        raise DataError(
            expected=f"at least {len(sizes) + 1} events in {where}, one for each part",
            got=str(n),
            remedy="give more data, or smaller fractions",
        )
    shuffled = events[torch.randperm(n, generator=stream(seed, "split"))]
    return list(shuffled.split([n - sum(sizes), *sizes]))
