"""Fit the baselines that suit some data."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from tensorar.baselines.baseline import Baseline, Columns
from tensorar.baselines.gaussian import gaussian
from tensorar.baselines.independent import independent
from tensorar.baselines.kinds import discrete_coefficients
from tensorar.baselines.marginals import Marginals, head_marginals, histograms
from tensorar.baselines.mixture import gaussian_mixture
from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.head import Head
from tensorar.parts.registry import Registry, default_registry
from tensorar.utils.shapes import flatten_events

# more events hardly change what is fitted
MAX_TRAINING_EVENTS = 20_000
MAX_GAUSSIAN_COEFFICIENTS = 2000
MAX_MIXTURE_COEFFICIENTS = 200


@dataclass(frozen=True)
class Baselines:
    """The fitted baselines, and a line for each that does not suit the data."""

    fitted: tuple[Baseline, ...]
    notes: tuple[str, ...]


def fit_baselines(
    dataset: Dataset,
    *,
    discrete: Bool[Tensor, " n"],
    heads: Iterable[Head] = (),
    registry: Registry | None = None,
    seed: int = 0,
) -> Baselines:
    """The baselines for events whose coefficients have probabilities (``discrete``) or densities.

    ``heads`` are those of the models that are compared. The baselines are independent coefficients and, if all have
    densities, a Gaussian and a mixture of Gaussians. They are fitted to training events; marginals, shrinkage and
    number of components are chosen on the validation events.
    """
    registry = registry or default_registry()
    train, valid = (_some(events, seed) for events in (dataset.sampled.train, dataset.sampled.valid))
    candidates = _marginals(dataset, train, discrete, heads, registry)
    product = independent(candidates, valid, discrete) if candidates else None
    fitted = [] if product is None else [product]
    notes = ["no independent coefficients: no installed head has marginals of these data"] if product is None else []
    if not bool(discrete.all()):
        with_missing = any(bool(events.isnan().any()) for events in _splits(dataset))
        joint, left_out = _joint(Columns(flatten_events(train), flatten_events(valid)), discrete, with_missing)
        fitted, notes = fitted + joint, notes + left_out
    if fitted and len(train) < len(dataset.train):
        notes.append(f"baselines are fitted to {len(train)} of {len(dataset.train)} training events")
    return Baselines(tuple(fitted), tuple(notes))


def _some(events: Tensor, seed: int) -> Tensor:
    rows = torch.randperm(len(events), generator=torch.Generator().manual_seed(seed))
    return events[rows[:MAX_TRAINING_EVENTS].sort().values].double()


def _marginals(
    dataset: Dataset, train: Tensor, discrete: Tensor, heads: Iterable[Head], registry: Registry
) -> list[Marginals]:
    found = {repr(head): head for head in heads}
    for name, registered in registry.parts("head").items():
        with suppress(TensorarError):
            head = registered.part(**(registered.part.options_for(dataset.sampled.train) or {}))
            units = discrete_coefficients(head, dataset.event_shape)
            found |= {name: _fitted_head(head, dataset)} if bool((units == discrete).any()) else {}
    marginals = [head_marginals(head, train) for head in found.values()]
    others = (dataset.sampled.valid, dataset.sampled.test)
    return [one for one in marginals if one is not None] + histograms(train, others, discrete)


def _fitted_head(head: Head, dataset: Dataset) -> Head:
    """The head with what it takes from the data. Raises ``SupportError`` unless it accepts all splits."""
    fitted = head_for(head, dataset)
    for events in _splits(dataset):
        known = ~events.isnan() if dataset.missing else None
        fitted.check(events, known=known, dtype=torch.float64)
    return fitted


def _splits(dataset: Dataset) -> tuple[Tensor, Tensor, Tensor]:
    return dataset.sampled.train, dataset.sampled.valid, dataset.sampled.test


def _joint(columns: Columns, discrete: Tensor, with_missing: bool) -> tuple[list[Baseline], list[str]]:
    """Gaussian and mixture, and why they are left out."""
    obstacle = "some coefficients have probabilities" if bool(discrete.any()) else _obstacle(columns, with_missing)
    if obstacle:
        return [], [f"no Gaussian and no mixture of Gaussians: {obstacle}"]
    if columns.size > MAX_MIXTURE_COEFFICIENTS:
        return [gaussian(columns)], [f"no mixture of Gaussians: more than {MAX_MIXTURE_COEFFICIENTS} coefficients"]
    try:
        return [gaussian(columns), gaussian_mixture(columns)], []
    except TensorarError as error:
        return [gaussian(columns)], [f"no mixture of Gaussians: {error.got}; {error.remedy}"]


def _obstacle(columns: Columns, with_missing: bool) -> str:
    if columns.size > MAX_GAUSSIAN_COEFFICIENTS:
        return f"more than {MAX_GAUSSIAN_COEFFICIENTS} coefficients"
    if with_missing:
        return "values are missing"
    if len(columns.train) < 2 or bool((columns.train.std(0) == 0).any()):
        return "a coefficient does not vary in the training events"
    return ""
