"""Shapes that hold for events of any rank, 0-d included."""

from __future__ import annotations

from jaxtyping import Shaped
from torch import Tensor


def flatten_events(x: Shaped[Tensor, "batch *event"]) -> Shaped[Tensor, "batch n"]:
    """Each event as a vector: ``(batch, *event) -> (batch, N)``, also for 0-d events.

    >>> import torch
    >>> flatten_events(torch.zeros(5)).shape
    torch.Size([5, 1])
    """
    return x.unsqueeze(-1).flatten(1)
