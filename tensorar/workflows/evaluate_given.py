"""Evaluate a run on a part of each event given the rest of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tensorar.conditioning import Estimate
from tensorar.conditioning.likelihood import DEFAULT_RUNS
from tensorar.conditioning.ways import (
    DEFAULT_PARTICLES,
    ConditioningOptions,
    check_conditioning,
    needs_particles,
)
from tensorar.dataset import Dataset
from tensorar.evidence import Evidence
from tensorar.finiteness import check_likelihoods
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.run import Run
from tensorar.utils.shapes import flatten_events, rows_of
from tensorar.utils.statistics import standard_error
from tensorar.utils.words import counted
from tensorar.workflows.events import Events, check_counts, check_split, events_of
from tensorar.workflows.masks import known_mask, mask_of_events
from tensorar.workflows.runs import model_of, open_run, proposal_of
from tensorar.workflows.sampling import seeded_generator

EVENTS_PER_CHUNK = 20


@dataclass(frozen=True)
class ConditionalLikelihood:
    """The mean negative log-likelihood of what is unknown of each event given what is known of it.

    ``nats`` per event with the ``standard_error`` over the events, ``known`` and ``unknown`` coefficients of an event
    on average, without missing ones. Unless it is ``exact``, ``estimate_error`` is the standard error of ``nats`` that
    comes from the estimates alone. ``conditioning`` is the way that was requested.
    """

    run: Run
    data: PartSpec
    split: str
    nats: float
    standard_error: float
    estimate_error: float
    exact: bool
    events: int
    known: float
    unknown: float
    conditioning: str

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name, with None for an undefined standard error."""
        names = ("nats", "estimate_error", "exact", "events", "known", "unknown", "conditioning")
        error = None if math.isnan(self.standard_error) else self.standard_error
        return {name: getattr(self, name) for name in names} | {"standard_error": error}


def evaluate_given(
    run: Run | str | Path,
    given: str | None = None,
    split: str = "test",
    *,
    mask: str | Path | torch.Tensor | None = None,
    data: str | PartSpec | None = None,
    events: int | None = None,
    conditioning: str = "auto",
    particles: int = DEFAULT_PARTICLES,
    runs: int = DEFAULT_RUNS,
    proposal: Run | str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    announce: Callable[[str], None] | None = None,
) -> ConditionalLikelihood:
    """The nats of the rest of each event given a named region of it, or a ``mask`` of what is known.

    For events with missing values, both the rest and the region are restricted to what was observed. A random
    region is drawn once, for all events. ``conditioning``, ``particles``, ``runs`` and ``proposal`` are those of
    ``AutoregressiveModel.log_conditional``; the other arguments those of ``evaluate``. ``announce`` is called
    beforehand with the cost of particles, if any are needed. Raises ``TensorarError``.
    """
    run, generator = open_run(run, registry), seeded_generator(seed)
    way = check_conditioning(conditioning)
    check_split(split)
    check_counts(events=events, particles=particles, runs=runs)
    dataset = run.dataset if data is None else run.other_dataset(data)
    model = model_of(run, device)
    other = proposal_of(run, proposal, device, registry)
    known = known_mask(given, mask, model.event_shape, generator, model.order, axes=run.axes)
    chosen = events_of(dataset, split, events, seed)
    masks = mask_of_events(known, model.event_shape, len(chosen))
    options = ConditioningOptions(way, particles, other)
    if announce is not None and _need_particles(model, dataset, chosen, masks, options):
        announce(_cost(len(chosen), runs, particles, len(model.order)))
    values, errors, exact, counts = [], [], [], []
    for rows in torch.arange(len(chosen)).split(EVENTS_PER_CHUNK):
        observed = _observed(dataset, chosen.x[rows])
        counts.append(torch.stack([(observed.mask & masks[rows]).sum(), (observed.mask & ~masks[rows]).sum()]))
        found = model.log_conditional(
            observed,
            masks[rows],
            rows_of(chosen.contexts, rows),
            conditioning=way,
            particles=particles,
            runs=runs,
            proposal=other,
            generator=generator,
        )
        values.append(found.value.cpu())
        errors.append(found.standard_error.cpu())
        exact.append(found.exact.cpu())
        if progress is not None:
            done = torch.cat(values)
            progress(len(done), len(chosen), -float(done.mean()))
    estimate = Estimate(torch.cat(values), torch.cat(errors), torch.cat(exact))
    check_likelihoods(-estimate.value, model.backbone)
    log_likelihood, estimate_error = estimate.mean
    count = len(estimate.value)
    known_count, unknown_count = torch.stack(counts).sum(0).tolist()
    return ConditionalLikelihood(
        run,
        run.spec_of(data),
        split,
        # not -0, where nothing is unknown
        0.0 - log_likelihood,
        standard_error(estimate.value),
        estimate_error,
        bool(estimate.exact.all()),
        count,
        known_count / count,
        unknown_count / count,
        conditioning,
    )


def _observed(dataset: Dataset, x: Tensor) -> Evidence:
    """What was observed of some events: all of it, unless values may be missing."""
    return Evidence.observed(x) if dataset.missing else Evidence(torch.ones_like(x, dtype=torch.bool), x)


def _need_particles(
    model: AutoregressiveModel, dataset: Dataset, chosen: Events, masks: Tensor, options: ConditioningOptions
) -> bool:
    """Whether what is known, or all that was observed of an event with missing values, takes particles."""
    if not dataset.missing:
        return needs_particles(model, masks.to(model.device), options)
    observed = torch.cat([~chosen.x[rows].isnan() for rows in torch.arange(len(chosen)).split(EVENTS_PER_CHUNK)])
    incomplete = observed[~flatten_events(observed).all(1)]
    # a model of all orders visits what is missing last
    taken = [masks & observed] if model.ordering.any_order else [masks & observed, incomplete]
    return needs_particles(model, torch.cat(taken).to(model.device), options)


def _cost(events: int, runs: int, particles: int, steps: int) -> str:
    walks = events * runs * particles
    walk = f"{walks:,} walks of {counted(steps, 'step')}"
    return f"{counted(events, 'event')}, {counted(runs, 'run')} of {counted(particles, 'particle')} each: {walk}"
