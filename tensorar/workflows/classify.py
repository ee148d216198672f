"""Classify events with a run that was trained with labels: by Bayes' rule, from the likelihood given each class."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.classes import Classes, classes_of
from tensorar.errors import TensorarError
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run
from tensorar.training.evaluation import check_evaluable, is_exact, nats_by_event
from tensorar.training.memory import require_memory_for_evaluation
from tensorar.utils.statistics import standard_error
from tensorar.workflows.events import check_counts, check_split
from tensorar.workflows.labelled_events import LabelledEvents, labelled_events
from tensorar.workflows.runs import model_of, open_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Classification:
    """The probability of each class given each event, ``p(c | x) ~ p(x | c) p(c)``.

    ``p(c)`` are the shares of the classes in the training part. ``rows`` are the numbers of the events in their split
    or file, ``labels`` their classes, None for data without. ``nats`` per event are those of
    ``p(x) = sum_c p(x | c) p(c)``. ``exact``: likelihoods are no estimates; from estimates, probabilities of classes
    are biased.
    """

    run: Run
    data: str
    classes: Classes
    rows: Int[Tensor, " n"]
    log_probabilities: Float[Tensor, "n classes"]
    labels: Int[Tensor, " n"] | None
    nats: float
    nats_error: float
    exact: bool
    notes: tuple[str, ...] = ()

    @property
    def predicted(self) -> Int[Tensor, " n"]:
        """The most probable class of each event."""
        return self.log_probabilities.argmax(1)

    @property
    def correct(self) -> Float[Tensor, " n"] | None:
        """1 where the most probable class is the event's own, else 0."""
        return None if self.labels is None else (self.predicted == self.labels).double()

    @property
    def accuracy(self) -> float | None:
        """The share of events whose class is found."""
        return None if self.correct is None else float(self.correct.mean())

    @property
    def accuracy_error(self) -> float | None:
        """The standard error of the accuracy."""
        return None if self.correct is None else standard_error(self.correct)

    @property
    def log_loss(self) -> float | None:
        """The mean negative logarithm of the probability of an event's class, in nats."""
        if self.labels is None:
            return None
        return -float(self.log_probabilities.gather(1, self.labels[:, None]).mean())

    @property
    def confusion(self) -> Int[Tensor, "classes classes"] | None:
        """How often events of a class (row) are taken for another (column)."""
        if self.labels is None:
            return None
        k = len(self.classes)
        return torch.bincount(self.labels * k + self.predicted, minlength=k * k).reshape(k, k)

    def as_dict(self) -> dict[str, Any]:
        """The results by name."""
        confusion = self.confusion
        return {
            "run": str(self.run.folder),
            "data": self.data,
            "events": len(self.rows),
            "classes": list(self.classes.names),
            "accuracy": self.accuracy,
            "accuracy_error": _finite(self.accuracy_error),
            "log_loss": _finite(self.log_loss),
            "confusion": None if confusion is None else confusion.tolist(),
            "nats": self.nats,
            "nats_error": _finite(self.nats_error),
            "exact": self.exact,
            "notes": list(self.notes),
        }

    def figure(self) -> Figure:
        """The confusion matrix as a picture. Raises ``TensorarError`` for data without labels."""
        from tensorar import plotting

        if self.confusion is None:
            raise TensorarError(expected="labels, for a confusion matrix", got="none", remedy="use labelled data")
        return plotting.confusion_matrix(self.confusion, self.classes.names)


def classify(
    run: Run | str | Path,
    split: str = "test",
    *,
    data: str | PartSpec | None = None,
    events: int | None = None,
    exact: bool | None = None,
    samples_per_event: int = 16,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Classification:
    """The probability of each class for events of the run's own dataset, or of other ``data``, labelled or not.

    ``data`` is the spec of a dataset, or a file of which all events are classified, in its order. The run
    must have been trained with classes as contexts. ``exact`` and ``samples_per_event`` are those of
    ``tensorar.evaluate``; ``progress(done, likelihoods)`` is called on the way. Raises ``TensorarError``.
    """
    run = open_run(run, registry)
    check_split(split)
    check_counts(events=events, samples_per_event=samples_per_event)
    classes, model = classes_of(run.dataset), model_of(run, device)
    chosen = labelled_events(run, classes, data, split, events, seed)
    context = classes.contexts()[:1].expand(len(chosen.x), -1)
    exactly = is_exact(model, chosen.x, context, exact, times=len(classes))
    nats = _nats_by_class(model, chosen, classes, exactly, samples_per_event, seed, progress)
    joint = classes.shares.log() - nats
    marginal = joint.logsumexp(1)
    return Classification(
        run=run,
        data=chosen.source,
        notes=chosen.notes,
        classes=classes,
        rows=chosen.rows,
        log_probabilities=joint - marginal[:, None],
        labels=chosen.labels,
        nats=-float(marginal.mean()),
        nats_error=standard_error(marginal),
        exact=exactly,
    )


def _nats_by_class(
    model: AutoregressiveModel,
    events: LabelledEvents,
    classes: Classes,
    exact: bool,
    samples_per_event: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Float[Tensor, "n classes"]:
    x, n, report = events.x, len(events.x), progress or (lambda *_: None)
    require_memory_for_evaluation(model, n, exact=exact, samples_per_event=samples_per_event)
    check_evaluable(model, x)
    total = n * len(classes)
    columns = []
    for k, context in enumerate(classes.contexts()):
        done_before = k * n
        columns.append(
            nats_by_event(
                model,
                x,
                context.expand(n, -1),
                exact=exact,
                samples_per_event=samples_per_event,
                seed=seed,
                progress=lambda done, _, __, before=done_before: report(before + done, total),  # type: ignore[misc]
            )
        )
    return torch.stack(columns, 1).double()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
