"""Progress reports of the training loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tensorar.training.state import TrainingState


@dataclass(frozen=True)
class TrainingUpdate:
    """The progress of training after a step, and with ``row`` after an evaluation.

    ``fraction`` of the training is done; ``nats`` per event of ``coefficients`` coefficients (of events with missing
    values, those observed, on average) are the training loss since the last evaluation; ``row`` is the new row of the
    metrics.
    """

    state: TrainingState
    steps: int | None
    fraction: float
    nats: float
    coefficients: float
    examples_per_second: float
    row: dict[str, Any] | None = None


UpdateCallback = Callable[[TrainingUpdate], None]
