"""The order in which a run's model visits an event of its dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from tensorar.build import reordered
from tensorar.order import Order
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run
from tensorar.workflows.events import check_example, check_split, events_of
from tensorar.workflows.runs import model_of, open_run


@dataclass(frozen=True)
class OrderTaken:
    """The order of event number ``example`` of a split.

    The first ``known`` coefficients are evidence of the dataset: all of it, unless the ordering visits some later.
    """

    run: Run
    split: str
    example: int
    ordering: str
    order: Order
    known: int


def order_taken(
    run: Run | str | Path,
    example: int = 0,
    *,
    split: str = "test",
    ordering: str | PartSpec | None = None,
    device: str = "auto",
    registry: Registry | None = None,
) -> OrderTaken:
    """The order in which an event is completed from the dataset's evidence (the clues of a puzzle), if there is any.

    ``ordering`` replaces that of a run trained on random orders. Raises ``TensorarError``.
    """
    run = open_run(run, registry)
    check_split(split)
    model = model_of(run, device)
    model = model if ordering is None else reordered(model, ordering, registry=run.registry)
    events = events_of(run.dataset, split)
    check_example(example, len(events), split)
    row = torch.tensor([example])
    mask = run.dataset.evidence_mask(split, row)
    contexts = None if events.contexts is None else events.contexts[row]
    visits = model.visits_for(events.x[row], contexts, known=mask)[0]
    known = 0 if mask is None else int(mask.flatten()[visits].cumprod(0).sum())
    name = str(run.recipe.ordering if ordering is None else PartSpec.parse(ordering))
    return OrderTaken(run, split, example, name, Order(visits, model.event_shape), known)
