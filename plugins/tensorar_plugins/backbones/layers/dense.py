"""Dense hidden layers."""

from __future__ import annotations

from itertools import chain, pairwise, repeat

from torch import nn


def dense_layers(inputs: int, hidden: int, layers: int, dropout: float) -> nn.Sequential:
    """``layers`` times ``Linear``, ``SiLU`` and ``Dropout``, to ``hidden`` units each."""
    blocks: list[nn.Module] = []
    # a list of widths would take the memory of a huge ``layers`` before the layers can be refused
    for width, following in pairwise(chain([inputs], repeat(hidden, layers))):
        blocks += [nn.Linear(width, following), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*blocks)
