"""What a split is: a tensor of events, or events that stay in a file and are read when they are asked for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int, Real
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.utils.permutation import Permutation

# statistics of larger splits are those of a sample of fewer values
MAX_VALUES, SAMPLED_VALUES, SAMPLED_EVENTS = 2**26, 2**23, 100_000
CHUNK_BYTES = 2**24
# of larger sets, only a part is searched for the extreme values
SEARCHED_BYTES = 2**32


@runtime_checkable
class Events(Protocol):
    """Events ``(n, *event)``: their number, shape and dtype, and tensors of some of them by index.

    A tensor is one; so are ``StoredEvents``.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, *event)``."""

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the tensors that indexing gives."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Tensor | slice | int, /) -> Tensor: ...

    def is_floating_point(self) -> bool:
        """Whether the values are floats, among which may be NaN."""


class StoredEvents(ABC):
    """Events outside of memory. Subclasses implement ``read``, and may be shared by several processes."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self.shape, self.dtype = shape, dtype

    @abstractmethod
    def read(self, rows: Int[Tensor, " some"]) -> Real[Tensor, "some *event"]:
        """Some events by number, from 0 to ``n - 1``, in any order and repeated. Raises ``DataError``."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Tensor | slice | int) -> Real[Tensor, "..."]:
        if isinstance(index, int):
            return self[torch.tensor([index])][0]
        if isinstance(index, slice):
            return self.read(torch.arange(*index.indices(len(self))))
        rows = index.nonzero()[:, 0] if index.dtype == torch.bool else index.long()
        if len(rows) and not (int(rows.min()) >= 0 and int(rows.max()) < len(self)):
            raise IndexError(f"events 0 to {len(self) - 1} exist, got {int(rows.min())} to {int(rows.max())}")
        return self.read(rows)

    def is_floating_point(self) -> bool:
        """Whether the values are floats."""
        return self.dtype.is_floating_point


class ShuffledEvents(StoredEvents):
    """A range of a permutation of stored events, as a split is."""

    def __init__(self, events: Events, permutation: Permutation, first: int, count: int) -> None:
        super().__init__((count, *events.shape[1:]), events.dtype)
        self.events, self.permutation, self.first = events, permutation, first

    def read(self, rows: Int[Tensor, " some"]) -> Real[Tensor, "some *event"]:
        """Some events by number in the split."""
        return self.events[self.permutation[self.first + rows]]


class ChosenEvents(StoredEvents):
    """Events by number among stored ones."""

    def __init__(self, events: Events, rows: Int[Tensor, " n"]) -> None:
        super().__init__((len(rows), *events.shape[1:]), events.dtype)
        self.events, self.rows = events, rows

    def read(self, rows: Int[Tensor, " some"]) -> Real[Tensor, "some *event"]:
        """Some events by number among the chosen ones."""
        return self.events[self.rows[rows]]


class ObservedEvents:
    """What was observed of stored events, in which NaN stands for a missing value."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, index: Tensor | slice) -> Evidence:
        return Evidence.observed(self.events[index])


def choose(events: Events, rows: Int[Tensor, " some"]) -> Events:
    """Some events by number: a tensor of a tensor's, else events that are still stored."""
    return events[rows] if isinstance(events, Tensor) else ChosenEvents(events, rows)


def event_size(events: Events) -> int:
    """The number of coefficients of an event."""
    return math.prod(events.shape[1:])


def origin_of(events: Events) -> Events:
    """The events that a split is a range of, in the order in which they are stored."""
    return events.events if isinstance(events, ShuffledEvents) else events


def in_chunks(events: Events) -> Iterator[Real[Tensor, "some *event"]]:
    """The first 4 GB of events in order, in tensors of about 16 MB."""
    event_bytes = max(1, event_size(events) * events.dtype.itemsize)
    size, count = max(1, CHUNK_BYTES // event_bytes), min(len(events), max(1, SEARCHED_BYTES // event_bytes))
    return (events[first : min(count, first + size)] for first in range(0, count, size))


class Extremes:
    """The event with the least and the one with the greatest value of all that were added."""

    def __init__(self) -> None:
        self._bounds = [math.inf, -math.inf]
        self._events: dict[int, Tensor] = {}

    def add(self, events: Real[Tensor, "some *event"]) -> None:
        """Look at some more events; NaN is passed over."""
        missing = events.is_floating_point() and bool(events.isnan().any())
        for side, beyond in enumerate((math.inf, -math.inf)):
            known = events.nan_to_num(nan=beyond) if missing else events
            bound = (known.max() if side else known.min()).item()
            if bound > self._bounds[side] if side else bound < self._bounds[side]:
                self._bounds[side], self._events[side] = bound, _first_with(known, events, bound)

    def complete(self, dtype: torch.dtype) -> bool:
        """Whether no value of a dtype lies beyond what was seen."""
        limits = None if dtype.is_floating_point else torch.iinfo(dtype)
        return limits is not None and self._bounds == [limits.min, limits.max]

    def events(self) -> list[Real[Tensor, "one *event"]]:
        """Both events; none if all values are NaN."""
        return list(self._events.values())


def _first_with(known: Tensor, events: Tensor, value: float) -> Tensor:
    row = int((known == value).reshape(len(known), -1).any(1).int().argmax())
    # a copy, so that the others can be freed
    return events[row : row + 1].clone()


def sample_of(events: Events) -> Real[Tensor, "some *event"]:
    """All events, or evenly spaced ones of a large set: what statistics are computed from.

    At most 67 million values of a tensor, 8 million of stored events.
    """
    size, limit = event_size(events), MAX_VALUES if isinstance(events, Tensor) else SAMPLED_VALUES
    if len(events) * size <= limit:
        return events[:]
    count = min(len(events), SAMPLED_EVENTS, max(1, SAMPLED_VALUES // size))
    return events[torch.linspace(0, len(events) - 1, count, dtype=torch.float64).long()]
