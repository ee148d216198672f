"""What a training returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tensorar.parts.spec import PartSpec
from tensorar.runs.metrics import best_row
from tensorar.runs.run import Run
from tensorar.training.cost import TrainingCost


@dataclass(frozen=True)
class TrainingResult:
    """A trained run. ``interrupted`` is the number of the signal that ended training early, if one did.

    ``was_finished``: the run was to be resumed, but there was nothing left to do. ``chosen`` are the parts that were
    chosen for the data, by kind; ``notes`` has a line for each unusual property of the data; ``cost`` is what the
    training was expected to take (None if it was not measured); ``columns`` are name, kind and details of each column
    of a table; ``metrics`` has one row per evaluation. ``axes`` are those of the events in words.
    """

    run: Run
    chosen: dict[str, PartSpec] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    axes: str = ""
    interrupted: int | None = None
    cost: TrainingCost | None = None
    was_finished: bool = False
    columns: tuple[tuple[str, str, str], ...] = ()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of all evaluations."""
        return self.run.metrics()

    @property
    def best_nats(self) -> float | None:
        """The best finite validation, in nats per event."""
        best = best_row(self.metrics)
        return None if best is None else float(best["valid_nats"])

    @property
    def exact_nats(self) -> float | None:
        """The validation nats of the process that generated the data, if it is known."""
        found = (row["valid_data_nats"] for row in self.metrics)
        return next((nats for nats in found if nats is not None), None)
