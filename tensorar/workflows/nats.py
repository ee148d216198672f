"""Nats of events under a model, and their ranks among those of the training events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.runs.run import Run
from tensorar.utils.shapes import rows_of
from tensorar.workflows.events import events_of

# bounds memory
EVENTS_PER_CALL = 1024
Progress = Callable[[int, int, float], None]


@torch.no_grad()
def nats_of(
    model: AutoregressiveModel,
    events: Any,
    contexts: Float[Tensor, "n context"] | None,
    *,
    events_per_call: int = EVENTS_PER_CALL,
    progress: Progress | None = None,
) -> Float64[Tensor, " n"]:
    """Minus the log-likelihood of what was observed of each event ``(n, *event)``: NaN is not.

    ``progress(events_done, events, nats)`` is called on the way.
    """
    found = [torch.zeros(0, dtype=torch.float64)]
    for rows in torch.arange(len(events)).split(events_per_call):
        evidence, context = Evidence.observed(events[rows]), rows_of(contexts, rows)
        complete = bool(evidence.mask.all())
        found.append(-model.log_prob(events[rows] if complete else evidence, context).double().cpu())
        if progress is not None:
            progress(int(rows[-1]) + 1, len(events), float(torch.cat(found).mean()))
    return torch.cat(found)


def rank_among(nats: Float64[Tensor, " n"], training: Float64[Tensor, " m"]) -> Float64[Tensor, " n"]:
    """The share of the training events with fewer nats, from 0 to 1.

    >>> rank_among(torch.tensor([1.5, 9.0]).double(), torch.tensor([2.0, 1.0]).double()).tolist()
    [0.5, 1.0]
    """
    return torch.searchsorted(training.sort().values, nats).double() / len(training)


def training_nats(run: Run, model: AutoregressiveModel, count: int | None = None) -> Float64[Tensor, " m"]:
    """The nats of the training events, or of ``count`` of them. Raises ``DataError`` if the data are not there."""
    chosen = events_of(run.dataset, "train", count)
    return nats_of(model, chosen.x, chosen.contexts)
