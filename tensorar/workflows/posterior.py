"""The predictive distributions of a run's model along one event: the figure of the lecture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.workflows.events import Events, check_example, check_split, events_of, given_contexts
from tensorar.workflows.own_events import events_in
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.table_rows import schema_of, texts_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tensorar.plotting import PosteriorStep
    from tensorar.plotting.wording import Wording


@dataclass(frozen=True, eq=False)
class Posterior:
    """The distributions of the next coefficient at some steps of one event of ``source``, a split or a file."""

    run: Run
    source: str
    example: int
    steps: list[PosteriorStep]

    def figure(self) -> Figure:
        """A row per step: the mask, the values so far, and the distribution of the next coefficient."""
        from tensorar import plotting

        return plotting.posterior(self.steps)

    def save_animation(self, path: Path | str, progress: Callable[[int, int], None] | None = None) -> None:
        """Write a GIF with a frame per step; ``progress(frames_done, frames)`` is called on the way."""
        from tensorar import plotting

        plotting.save_animation(self.steps, path, progress)

    def save_page(self, path: Path | str) -> int:
        """Write a page for a browser with a slider over the steps (``plotting.save_walk_page``); its size in bytes."""
        from tensorar import plotting

        title = f"{self.run.folder.resolve().name}: event {self.example} of {self.source}, coefficient by coefficient"
        return plotting.save_walk_page(self.steps, path, title)


def posterior(
    run: Run | str | Path,
    example: int = 0,
    steps: Sequence[int] | None = None,
    *,
    show: Literal["picture", "animation", "page"] = "picture",
    split: str = "test",
    data: str | Path | None = None,
    context: Sequence[str] | Tensor | None = None,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Posterior:
    """The predictive distributions of event number ``example`` of a split, at ``steps`` of the order (default: five).

    ``data``: instead of a split, a file of yours that the run's dataset reads, as ``inpaint`` takes it.

    ``show``: by default five steps for a ``picture``, at most 60 for an ``animation``, and all up to 1000 for a
    ``page`` (fewer of an event of more than 16777 coefficients). Steps of an event with missing values end at the
    first missing one (see ``plotting.visited_steps``). The event is conditioned on its own context unless
    ``context`` is given. ``progress(steps_done, steps)`` is called on the way. Raises ``TensorarError``.
    """
    from tensorar import plotting

    run = open_run(run, registry)
    check_split(split)
    if context is not None and len(context) > 1:
        raise TensorarError(expected="one `context` for one event", got=str(len(context)), remedy="leave out the rest")
    model = model_of(run, device)
    _check_steps(steps or [], len(model.order))
    events = (
        events_of(run.dataset, split)
        if data is None
        else _events_in(run, data, with_classes=context is None or not len(context))
    )
    check_example(example, len(events), split if data is None else str(data))
    event_context = _context(run, context, events, example)
    if steps is None:
        _, count = plotting.visited_steps(model, events.x[example], event_context)
        steps = _default_steps(count, show)
    found = plotting.posterior_steps(
        model,
        events.x[example],
        steps,
        run.dataset if data is None else None,
        context=event_context,
        axes=run.axes,
        wording=_wording(run),
        progress=progress,
    )
    return Posterior(run, split if data is None else Path(data).name, example, found)


def _wording(run: Run) -> Wording | None:
    """How the table that a run was trained on names its columns and writes their values."""
    from tensorar.plotting.wording import Wording

    if run.schema is None:
        return None
    schema = schema_of(run)
    return Wording(schema.coefficient_names, partial(texts_of, schema))


def _default_steps(count: int, show: str) -> list[int]:
    from tensorar import plotting

    if show == "picture":
        return sorted({round(i * (count - 1) / 5) for i in range(1, 6)})
    return plotting.frames_of(count) if show == "animation" else plotting.frames_of(count, plotting.page_steps(count))


def _context(run: Run, context: Sequence[str] | Tensor | None, events: Events, example: int) -> Tensor | None:
    given = given_contexts(run, context, 1)
    if given is not None:
        return given[0]
    return None if events.contexts is None else events.contexts[example]


def _events_in(run: Run, data: str | Path, *, with_classes: bool) -> Events:
    """The events in a file, with missing values (NaN) where they are unknown."""
    found, classes = events_in(run, data, with_classes=with_classes)
    x = found.events if found.known is None else found.events.double().masked_fill(~found.known, math.nan)
    return Events(x, classes, torch.arange(len(x)))


def _check_steps(steps: Sequence[int], n: int) -> None:
    """Raise ``TensorarError`` for a step out of range, before any data are loaded."""
    for step in steps:
        if not 0 <= step < n:
            valid = f"from 0 to {n - 1}" if n > 1 else "0, the only step"
            raise TensorarError(expected=f"`steps` {valid}", got=str(step), remedy="choose other steps")
