"""Events to complete or to look at: from a split of the run's dataset, or from a file of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar.dataset_files import FileEvents
from tensorar.errors import TensorarError
from tensorar.order import Order
from tensorar.runs.run import Run
from tensorar.utils.reading import is_picture
from tensorar.utils.words import counted
from tensorar.workflows.events import events_of, given_contexts
from tensorar.workflows.masks import known_mask, mask_of_events
from tensorar.workflows.table_rows import read_rows


@dataclass(frozen=True, eq=False)
class EventsToComplete:
    """Events ``(n, *event)``, which of their coefficients are known, their contexts, and a line for each change."""

    x: Real[Tensor, "n *event"]
    known: Bool[Tensor, "n *event"]
    contexts: Float[Tensor, "n context"] | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)


def own_events(
    run: Run,
    data: str | Path,
    evidence: str | None,
    mask: str | Path | Tensor | None,
    count: int,
    context: Sequence[str] | Tensor | None,
    order: Order,
    generator: torch.Generator,
) -> EventsToComplete:
    """The first ``count`` events of a file, which the run's dataset reads, with what is known of them.

    What is known is what the file says (transparent pixels and missing values are unknown), and in the region or the
    mask; a picture's mask is a picture of the same size. Raises ``TensorarError``, also for a picture without anything
    unknown, and for a run with contexts without ``context``.
    """
    beside = mask if is_picture(data) and isinstance(mask, str | Path) and is_picture(mask) else None
    if beside is not None and evidence is not None:
        raise TensorarError(expected="either `evidence` or `mask`", got="both", remedy="leave one out")
    found, classes = events_in(run, data, beside, with_classes=context is None or not len(context))
    x = found.events[:count]
    said = torch.ones(x.shape, dtype=torch.bool) if found.known is None else found.known[:count]
    named = evidence is not None or (mask is not None and beside is None)
    if not named and found.known is None and is_picture(data):
        raise TensorarError(
            expected=f"something unknown in {data}: transparent pixels, a `mask`, or a region as `evidence`",
            got="an image without transparency",
            remedy="add mask='mask.png', white where unknown, or for example evidence='top half'",
        )
    if named or found.known is None:
        known = known_mask(evidence, mask, run.event_shape, generator, order, axes=run.axes)
        said = said & mask_of_events(known, run.event_shape, len(x))
    contexts = given_contexts(run, context, len(x)) if classes is None else classes[:count]
    if contexts is None and run.context_features:
        raise TensorarError(
            expected=f"`context` for {data}, since {run.folder} was trained with contexts",
            got="none",
            remedy="name its class, or its numbers, separated by commas",
        )
    notes = found.notes
    if len(found.events) > count:
        notes = (*notes, f"the first {count} of the {counted(len(found.events), 'event')} in {data}")
    return EventsToComplete(x, said & ~x.isnan(), contexts, notes)


def events_in(
    run: Run, path: str | Path, mask: str | Path | None = None, *, with_classes: bool = True
) -> tuple[FileEvents, Float[Tensor, "n context"] | None]:
    """The events in a file of a kind that the run's dataset reads, and the classes of the rows of a table.

    Raises ``TensorarError``.
    """
    if run.schema is None:
        return run.unchecked_dataset.read_events(path, run.event_shape, mask), None
    rows = read_rows(run, path)
    return rows.completed, rows.contexts if with_classes and rows.has_classes else None


def events_to_complete(
    run: Run,
    evidence: str | None,
    mask: str | Path | Tensor | None,
    split: str,
    count: int,
    context: Sequence[str] | Tensor | None,
    order: Order,
    seed: int,
    generator: torch.Generator,
) -> EventsToComplete:
    """``count`` events of a split, drawn with the seed, with what is known of them; missing values are unknown."""
    known = known_mask(evidence, mask, run.event_shape, generator, order, axes=run.axes)
    chosen = events_of(run.dataset, split, count, seed)
    given = given_contexts(run, context, len(chosen))
    known = mask_of_events(known, run.event_shape, len(chosen)) & ~chosen.x.isnan()
    return EventsToComplete(chosen.x, known, chosen.contexts if given is None else given)
