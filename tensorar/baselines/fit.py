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
from tensorar.baselines.product_mixture import product_mixture
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
# of all coefficients together, in a mixture of products
MAX_LEVELS = 2000
CONSTANT = "a coefficient does not vary in the training events"


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

    ``heads`` are those of the models that are compared. The baselines are independent coefficients; a Gaussian of
    those that have densities, beside independent probabilities; and a mixture: of Gaussians, or of products where some
    coefficients have probabilities or are missing. They are fitted to training events; marginals, shrinkage and number
    of components are chosen on the validation events.
    """
    registry = registry or default_registry()
    train, valid = (_some(events, seed) for events in (dataset.sampled.train, dataset.sampled.valid))
    candidates = _marginals(dataset, train, discrete, heads, registry)
    product = independent(candidates, valid, discrete)
    fitted = [] if product is None else [product]
    notes = ["no independent coefficients: no installed head has marginals of these data"] if product is None else []
    columns = Columns(flatten_events(train), flatten_events(valid))
    values = torch.cat([flatten_events(events).double() for events in _splits(dataset)])
    incomplete = bool(values.isnan().any())
    joint: list[Baseline] = []
    left_out: list[str] = []
    if not bool(discrete.all()):
        probabilities = independent(candidates, valid, discrete, discrete) if bool(discrete.any()) else None
        joint, left_out = _gaussians(columns, discrete, probabilities, incomplete)
    if incomplete or bool(discrete.any()):
        more, why_not = _products(columns, discrete, values)
        joint, left_out = joint + more, left_out + why_not
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


def _gaussians(
    columns: Columns, discrete: Tensor, probabilities: Baseline | None, incomplete: bool
) -> tuple[list[Baseline], list[str]]:
    """A Gaussian of the densities and, if there is nothing else, a mixture; and why one is left out."""
    mixed = bool(discrete.any())
    dense = Columns(columns.train[:, ~discrete], columns.valid[:, ~discrete])
    obstacle = _obstacle(dense, incomplete)
    if not obstacle and mixed and probabilities is None:
        obstacle = "no installed head has marginals of the probabilities"
    if obstacle:
        return [], [f"no Gaussian{'' if mixed or incomplete else ' and no mixture of Gaussians'}: {obstacle}"]
    if probabilities is not None:
        return [_beside(gaussian(dense), probabilities, discrete)], []
    if dense.size > MAX_MIXTURE_COEFFICIENTS:
        return [gaussian(dense)], [f"no mixture of Gaussians: more than {MAX_MIXTURE_COEFFICIENTS} coefficients"]
    try:
        return [gaussian(dense), gaussian_mixture(dense)], []
    except TensorarError as error:
        return [gaussian(dense)], [f"no mixture of Gaussians: {error.got}; {error.remedy}"]


def _beside(dense: Baseline, probabilities: Baseline, discrete: Tensor) -> Baseline:
    """The product of a distribution of the densities and one of the other coefficients."""
    return Baseline(
        "Gaussian of the densities, independent probabilities",
        dense.parameters + probabilities.parameters,
        lambda x: dense.log_prob(flatten_events(x)[:, ~discrete]) + probabilities.log_prob(x),
    )


def _products(columns: Columns, discrete: Tensor, values: Tensor) -> tuple[list[Baseline], list[str]]:
    """The mixture of products, or why it is left out."""
    obstacle = ""
    if columns.size > MAX_MIXTURE_COEFFICIENTS:
        obstacle = f"more than {MAX_MIXTURE_COEFFICIENTS} coefficients"
    elif not _varies(columns.train[:, ~discrete]):
        obstacle = CONSTANT
    elif sum(len(column.unique()) for column in values[:, discrete].unbind(1)) > MAX_LEVELS:
        obstacle = f"more than {MAX_LEVELS} levels"
    return ([], [f"no mixture: {obstacle}"]) if obstacle else ([product_mixture(columns, discrete, values)], [])


def _obstacle(columns: Columns, incomplete: bool) -> str:
    if columns.size > MAX_GAUSSIAN_COEFFICIENTS:
        return f"more than {MAX_GAUSSIAN_COEFFICIENTS} coefficients"
    if incomplete:
        return "values are missing"
    return "" if len(columns.train) > 1 and _varies(columns.train) else CONSTANT


def _varies(train: Tensor) -> bool:
    """Whether every column has different values, among those that are not missing."""
    least, most = train.nan_to_num(nan=torch.inf).amin(0), train.nan_to_num(nan=-torch.inf).amax(0)
    return bool((least < most).all())
