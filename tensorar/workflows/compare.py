"""Compare runs on the same events, with each other and with baselines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.baselines import Baseline, discrete_coefficients, fit_baselines
from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.events import Events as StoredOrTensor
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec, nearest
from tensorar.runs.run import Run
from tensorar.training.evaluation import check_evaluable, is_exact, mean_observed, nats_by_event
from tensorar.training.likelihood import Likelihood
from tensorar.training.memory import require_memory_for_evaluation
from tensorar.utils.statistics import standard_error
from tensorar.workflows.comparable import (
    EVENTS_PER_CHUNK,
    baseline_notes,
    require_same_events,
    require_same_kind,
    run_notes,
)
from tensorar.workflows.events import Events, check_counts, check_split, events_of
from tensorar.workflows.runs import model_of, open_run

Reference = Literal["best", "first"]


@dataclass(frozen=True)
class Compared:
    """A run, a baseline, or the process that generated the data (``kind``), and its nats per event.

    ``difference`` is that to the reference, with the standard error of the mean of the differences of the same events;
    both are None for the reference itself. ``seconds`` of training, and ``exact``: likelihoods are no estimates.
    """

    name: str
    kind: Literal["run", "baseline", "data"]
    nats: float
    standard_error: float
    bits_per_dim: float
    difference: float | None
    difference_error: float | None
    parameters: int | None
    seconds: float | None
    exact: bool


@dataclass(frozen=True)
class Comparison:
    """Likelihoods of ``events`` events of a split, best first; differences are those to ``reference``."""

    data: PartSpec
    split: str
    events: int
    reference: str
    entries: tuple[Compared, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self) | {"data": str(self.data)}


@dataclass(frozen=True, eq=False)
class _Scored:
    """The nats of every event under a run or a baseline."""

    name: str
    kind: Literal["run", "baseline", "data"]
    nats: Float[Tensor, " n"]
    parameters: int | None = None
    seconds: float | None = None
    exact: bool = True


def compare(
    runs: Sequence[Run | str | Path],
    split: str = "test",
    *,
    data: str | PartSpec | None = None,
    events: int | None = None,
    against: str = "best",
    baselines: bool = True,
    exact: bool | None = None,
    samples_per_event: int = 16,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """The nats of the same events under one or more runs, and under baselines that are fitted to the training events.

    The events are those of the runs' dataset, which must be the same ones, or of other ``data``. ``events`` limits
    their number; ``exact`` and ``samples_per_event`` are those of ``tensorar.evaluate``. Differences are to the
    ``best`` or the ``first`` run. ``progress(name, done, events)`` is called on the way. Raises ``TensorarError``, also
    for runs whose nats have different units: probabilities and densities.
    """
    opened = [open_run(run, registry) for run in runs]
    _check(opened, split, against)
    check_counts(events=events, samples_per_event=samples_per_event)
    datasets = [run.dataset for run in opened] if data is None else _read(data, opened)
    require_same_kind(opened)
    require_same_events(opened, datasets, split)
    report = progress or (lambda *_: None)
    chosen = [events_of(dataset, split, events, seed) for dataset in datasets]
    scored = [
        _score_run(run, dataset, some, exact, samples_per_event, seed, device, report)
        for run, dataset, some in zip(opened, datasets, chosen, strict=True)
    ]
    neighbours, notes = _neighbours(datasets[0], opened, chosen[0]) if baselines else ([], ())
    reference = min(scored, key=lambda one: float(one.nats.mean())) if against == "best" else scored[0]
    observed = mean_observed(datasets[0].observed(chosen[0].x))
    entries = [_entry(one, reference, math.prod(opened[0].event_shape), observed) for one in scored + neighbours]
    spec = opened[0].spec_of(data)
    notes = (
        *run_notes(opened, observed),
        *notes,
        *(baseline_notes(opened, spec, data is not None) if neighbours else ()),
    )
    ranked = tuple(sorted(entries, key=lambda entry: entry.nats))
    return Comparison(spec, split, len(chosen[0]), reference.name, ranked, notes)


def _read(data: str | PartSpec, runs: Sequence[Run]) -> list[Dataset]:
    """The dataset as each run reads it: once, unless runs have different schemas."""
    first = runs[0].other_dataset(data)
    return [first if run.schema == runs[0].schema else run.other_dataset(data) for run in runs]


def _check(runs: Sequence[Run], split: str, against: str) -> None:
    check_split(split)
    if against not in get_args(Reference):
        raise TensorarError(
            expected=f"`against` to be one of {', '.join(get_args(Reference))}",
            got=repr(against),
            remedy=nearest(against, get_args(Reference)),
        )
    if not runs:
        raise TensorarError(expected="at least one run", got="none", remedy="pass run folders")


def _score_run(
    run: Run,
    dataset: Dataset,
    events: Events,
    exact: bool | None,
    samples_per_event: int,
    seed: int,
    device: str,
    report: Callable[[str, int, int], None],
) -> _Scored:
    model, name = model_of(run, device), str(run.folder)
    x = dataset.observed(events.x)
    exactly = is_exact(model, x, events.contexts, exact)
    require_memory_for_evaluation(model, len(events), exact=exactly, samples_per_event=samples_per_event)
    check_evaluable(model, x)
    nats = nats_by_event(
        model,
        x,
        events.contexts,
        exact=exactly,
        samples_per_event=samples_per_event,
        seed=seed,
        progress=lambda done, total, _: report(name, done, total),
    )
    seconds = next((row["seconds"] for row in reversed(run.metrics())), None)
    return _Scored(name, "run", nats.double(), run.parameter_count, seconds, exactly)


def _neighbours(dataset: Dataset, runs: Sequence[Run], events: Events) -> tuple[list[_Scored], tuple[str, ...]]:
    """The baselines, and the process that generated the data if it is known."""
    discrete = discrete_coefficients(runs[0].head, runs[0].event_shape)
    fitted = fit_baselines(dataset, discrete=discrete, heads=[run.head for run in runs], registry=runs[0].registry)
    scored = [_score_baseline(baseline, events.x) for baseline in fitted.fitted]
    known = dataset.log_prob(events.x) if isinstance(events.x, Tensor) and not dataset.missing else None
    if known is not None:
        scored.append(_Scored("the process that generated the data", "data", -known.double()))
    return scored, fitted.notes


def _score_baseline(baseline: Baseline, x: StoredOrTensor) -> _Scored:
    starts = range(0, len(x), EVENTS_PER_CHUNK)
    nats = torch.cat([-baseline.log_prob(x[first : first + EVENTS_PER_CHUNK].double()) for first in starts])
    return _Scored(baseline.name, "baseline", nats, baseline.parameters)


def _entry(scored: _Scored, reference: _Scored, size: int, observed: float | None) -> Compared:
    likelihood = Likelihood.of(scored.nats, size, exact=scored.exact, data_nats=None, observed=observed)
    differences = scored.nats - reference.nats
    own = scored is reference
    return Compared(
        name=scored.name,
        kind=scored.kind,
        nats=likelihood.nats,
        standard_error=likelihood.standard_error,
        bits_per_dim=likelihood.bits_per_dim,
        difference=None if own else float(differences.mean()),
        difference_error=None if own else standard_error(differences),
        parameters=scored.parameters,
        seconds=scored.seconds,
        exact=scored.exact,
    )
