"""The learning rate: linear warm-up, then a cosine to zero."""

from __future__ import annotations

import math


def learning_rate_factor(step: int, warmup: int, progress: float) -> float:
    """What the base learning rate is multiplied with; ``progress`` runs from 0 to 1 over the training.

    >>> [round(learning_rate_factor(s, 2, s / 8), 2) for s in (0, 1, 4, 8)]
    [0.5, 0.96, 0.5, 0.0]
    """
    warm = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return warm * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
