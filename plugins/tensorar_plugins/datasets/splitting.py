"""Split one set of events into training, validation and test events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import torch
from jaxtyping import Int, Real
from torch import Tensor

from tensorar import DataError, Dataset, Events, FileEvents, ShuffledEvents, SpecError, Splits
from tensorar.utils.permutation import Permutation
from tensorar_plugins.datasets.seeded_streams import stream
from tensorar_plugins.datasets.user_events import read_own_events

# pieces of each event, shuffled one after another: more take less memory and more time
PIECES = 8


@dataclass(frozen=True, kw_only=True)
class SplitFile(Dataset):
    """Base class of the datasets of the user's own files: a path, and how its events are shuffled and split.

    Options:
        path: File to read; ``~`` and ``$VARIABLES`` are expanded.
        valid_fraction: Fraction of the events used for validation.
        test_fraction: Fraction of the events used for testing.
        seed: Seed of the shuffle before the events are split.
    """

    path: str | Path
    valid_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_fractions(self.name, valid_fraction=self.valid_fraction, test_fraction=self.test_fraction)

    def split_rows(self, count: int) -> list[Int[Tensor, " rows"]]:
        """The rows of each split of ``count`` events, shuffled. Raises ``DataError`` if there are too few."""
        parts = split(torch.arange(count), [self.valid_fraction, self.test_fraction], self.seed, where=self.path)
        return [part[:] for part in parts]

    def split_all(self, events: Events) -> Splits:
        """All events of the file, shuffled (a tensor in place) and split. Raises ``DataError`` if there are too few."""
        return Splits(*split(events, [self.valid_fraction, self.test_fraction], self.seed, where=self.path))


@dataclass(frozen=True, kw_only=True)
class SplitFolder(SplitFile):
    """Base class of the datasets of a folder with an event or more in each file.

    Options:
        max_skipped: Largest share of the files that may fail to open and are skipped, if any do.
    """

    max_skipped: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.max_skipped <= 1:
            raise SpecError(
                expected=f"max_skipped of {self.name} to be a share from 0 to 1",
                got=str(self.max_skipped),
                remedy="write for example max_skipped=0.05",
            )


@dataclass(frozen=True, kw_only=True)
class SplitNumbers(SplitFile):
    """Base class of the datasets of the user's own numbers, of which some may be missing.

    Options:
        missing: Whether NaN stands for a value that was not observed; models are then trained on what was. Without it,
            NaN is an error.
    """

    missing: bool = False


@dataclass(frozen=True, kw_only=True)
class SplitArrays(SplitNumbers):
    """Base class of the datasets of the user's own arrays, whose axes may have names.

    Options:
        axes: Names of the event's axes for pictures and regions: height, width, channel, depth, time, or others, as in
            "height width channel" (none: guessed from the shape).
    """

    axes: tuple[str, ...] = ()

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        return read_own_events(self, path, event_shape, mask)


def check_fractions(name: str, **fractions: float) -> None:
    """Raise ``SpecError`` for fractions that leave no events for one of the splits."""
    for option, fraction in fractions.items():
        if not 0 < fraction < 1:
            raise SpecError(
                expected=f"{option} of {name} between 0 and 1",
                got=str(fraction),
                remedy=f"write for example {option}=0.1",
            )
    if sum(fractions.values()) >= 1:
        raise SpecError(
            expected=f"{' and '.join(fractions)} of {name} to sum to less than 1",
            got=" + ".join(map(str, fractions.values())),
            remedy="choose smaller fractions, so that training events are left",
        )


@overload
def split(events: Tensor, fractions: Sequence[float], seed: int, *, where: str | Path) -> list[Tensor]: ...


@overload
def split(events: Events, fractions: Sequence[float], seed: int, *, where: str | Path) -> list[Events]: ...


def split(events: Events, fractions: Sequence[float], seed: int, *, where: str | Path) -> Sequence[Events]:
    """Shuffle the events and cut off one split per fraction, of at least one event; the rest comes first.

    A tensor is shuffled in place; splits of stored events are views of them, in the same order.

    Raises ``DataError``, naming ``where`` the events are from, if there are too few of them.
    """
    n = len(events)
    sizes = [max(1, round(n * fraction)) for fraction in fractions]
    if n <= sum(sizes):
        raise DataError(
            expected=f"at least {len(sizes) + 1} events in {where}, one for each split",
            got=str(n),
            remedy="provide more data, or choose smaller fractions",
        )
    if math.prod(events.shape[1:]) == 0:
        raise DataError(
            expected=f"at least one coefficient in each event of {where}",
            got=f"shape {tuple(events.shape)}",
            remedy="save an array without empty axes",
        )
    sizes = [n - sum(sizes), *sizes]
    if isinstance(events, Tensor):
        shuffle(events, stream(seed, "split"))
        return list(events.split(sizes))
    permutation = Permutation(n, stream(seed, "split"))
    return [ShuffledEvents(events, permutation, sum(sizes[:k]), size) for k, size in enumerate(sizes)]


def shuffle(events: Real[Tensor, "n *event"], generator: torch.Generator) -> None:
    """Shuffle events in place, a few coefficients of each at a time, to avoid a second copy of all of them."""
    # 32 bits draw the same permutation as 64
    dtype = torch.int32 if len(events) < 2**31 else torch.int64
    permutation = torch.randperm(len(events), generator=generator, dtype=dtype)
    rows = events.view(len(events), -1)
    for columns in rows.split(-(-rows.shape[1] // PIECES), dim=1):
        columns.copy_(columns[permutation])
