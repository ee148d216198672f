"""Evaluate a run on a split of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorar.build import reordered
from tensorar.evidence import Evidence
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run
from tensorar.training.evaluation import evaluate as evaluate_model
from tensorar.training.likelihood import Likelihood
from tensorar.training.memory import require_memory_for_evaluation
from tensorar.training.mixture_estimate import check_mixture_events, estimated_mean, mixture_of_all
from tensorar.training.over_orders import cost_of_orders
from tensorar.workflows.events import Events, check_counts, check_split, events_of
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.solve import Solved, solve


@dataclass(frozen=True)
class Evaluation:
    """The likelihood of a run's model on a split of a dataset, and the share of its puzzles that are solved.

    ``solved`` is None unless the dataset gives evidence for its events.
    """

    run: Run
    data: PartSpec
    split: str
    likelihood: Likelihood
    solved: Solved | None = None


def evaluate(
    run: Run | str | Path,
    split: str = "test",
    *,
    data: str | PartSpec | None = None,
    events: int | None = None,
    exact: bool | None = None,
    samples_per_event: int = 16,
    ordering: str | PartSpec | None = None,
    orders: int | None = None,
    mixture_events: int | None = None,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    announce: Callable[[str], None] | None = None,
) -> Evaluation:
    """The likelihood on the run's own dataset, or on other ``data``.

    ``events`` limits the number of events, which are drawn with the seed; ``exact``, ``samples_per_event`` and
    ``orders`` are those of ``tensorar.evaluate``; with ``mixture_events``, so many of the events, drawn with the seed,
    are evaluated in these orders, and of all the mean over orders is estimated, for an estimate of the mixture on all
    (``training.mixture_estimate``); ``ordering`` replaces that of a run trained on random orders. If the
    dataset gives evidence, each event is completed from it by one sample. ``progress(done, events, nats_so_far)`` is
    called on the way, and ``announce`` beforehand with the cost of several orders. Raises ``TensorarError``.
    """
    run = open_run(run, registry)
    check_split(split)
    check_counts(events=events, samples_per_event=samples_per_event, orders=orders, mixture_events=mixture_events)
    other = None if data is None else run.other_dataset(data)
    model = model_of(run, device)
    if ordering is not None:
        model = reordered(model, ordering, registry=run.registry)
    if orders is not None:
        model.check_orders(orders)
    check_mixture_events(model, mixture_events, orders, exact)
    dataset = run.dataset if other is None else other
    chosen = events_of(dataset, split, events, seed)
    settings: dict[str, Any] = {"samples_per_event": samples_per_event, "seed": seed, "progress": progress}

    def measured(some: Events, exact: bool | None) -> Likelihood:
        exactly = exact or orders is not None
        require_memory_for_evaluation(model, len(some), exact=exactly, samples_per_event=samples_per_event)
        if orders is not None and announce is not None:
            announce(cost_of_orders(model, len(some), orders))
        x, contexts = dataset.observed(some.x), some.contexts
        return evaluate_model(model, x, contexts, dataset=dataset, exact=exact, orders=orders, **settings)

    if mixture_events is None or orders is None or mixture_events >= len(chosen):
        likelihood = measured(chosen, exact)
    else:
        require_memory_for_evaluation(model, len(chosen), exact=False, samples_per_event=samples_per_event)
        x, few = dataset.observed(chosen.x), events_of(dataset, split, mixture_events, seed)
        every = estimated_mean(model, x, chosen.contexts, dataset=dataset, orders=orders, **settings)
        likelihood = mixture_of_all(every, measured(few, None))
    mask = dataset.evidence_mask(split, chosen.rows)
    solved = None if mask is None else solve(model, Evidence(mask, chosen.x), chosen, seed)
    return Evaluation(run, run.spec_of(data), split, likelihood, solved)
