"""Puzzles: the share of events that a model completes as in the data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.utils.shapes import flatten_events
from tensorar.workflows.events import Events
from tensorar.workflows.sampling import seeded_generator


@dataclass(frozen=True)
class Solved:
    """The share of ``events`` whose completion, drawn once, is that of the data, with its standard error."""

    share: float
    standard_error: float
    events: int

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def solve(model: AutoregressiveModel, evidence: Evidence, events: Events, seed: int = 0) -> Solved:
    """Complete each event from its evidence, by a sample in the model's ordering, and compare it with the data."""
    completed = model.sample(evidence=evidence, context=events.contexts, generator=seeded_generator(seed)).cpu()
    correct = flatten_events(completed == events.x.to(completed.dtype)).all(1)
    share = float(correct.double().mean())
    return Solved(share, math.sqrt(share * (1 - share) / len(correct)), len(correct))
