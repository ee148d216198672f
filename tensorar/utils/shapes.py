"""Shapes that hold for events of any rank, 0-d included."""

from __future__ import annotations

from jaxtyping import Shaped
from torch import Tensor

MAX_EVENTS_PER_CALL = 64


def flatten_events(x: Shaped[Tensor, "batch *event"]) -> Shaped[Tensor, "batch n"]:
    """Each event as a vector: ``(batch, *event) -> (batch, N)``, also for 0-d events.

    >>> import torch
    >>> flatten_events(torch.zeros(5)).shape
    torch.Size([5, 1])
    """
    return x.unsqueeze(-1).flatten(1)


def split_batch(x: Shaped[Tensor, "batch *event"], context: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    """Events and their contexts a few at a time, for what takes memory with every event; one part at least."""
    parts = x.split(MAX_EVENTS_PER_CALL)
    return list(zip(parts, [None] * len(parts) if context is None else context.split(MAX_EVENTS_PER_CALL), strict=True))
