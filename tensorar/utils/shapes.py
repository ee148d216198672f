"""Shapes of events of any rank, 0-d included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Int, Shaped
from torch import Tensor

# bounds memory where parameters of all prefixes are held
MAX_EVENTS_PER_CALL = 64


def flatten_events(x: Shaped[Tensor, "batch *event"]) -> Shaped[Tensor, "batch n"]:
    """Each event as a vector: ``(batch, *event) -> (batch, N)``, also for 0-d events.

    >>> import torch
    >>> flatten_events(torch.zeros(5)).shape
    torch.Size([5, 1])
    """
    return x.flatten(1) if x.ndim > 1 else x.unsqueeze(1)


@runtime_checkable
class Rows(Protocol):
    """Anything with examples along its first axis, such as a tensor, evidence, or stored events."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Any: ...


def split_batch(
    events: Rows, context: Tensor | None, size: int = MAX_EVENTS_PER_CALL
) -> Iterator[tuple[Any, Tensor | None]]:
    """Events and their contexts in small batches (at least one), for work whose memory grows with the batch."""
    for first in range(0, max(1, len(events)), size):
        rows = slice(first, first + size)
        yield events[rows], rows_of(context, rows)


def rows_of(context: Tensor | None, rows: Tensor | slice) -> Tensor | None:
    """The contexts of some examples, if there are any."""
    return None if context is None else context[rows]


def rows_by_mask(mask: Bool[Tensor, "batch *event"]) -> list[Int[Tensor, " rows"]]:
    """The examples of each distinct mask."""
    if not len(mask):
        return []
    _, member = flatten_events(mask).unique(dim=0, return_inverse=True)
    return [(member == k).nonzero()[:, 0] for k in range(int(member.max()) + 1)]
