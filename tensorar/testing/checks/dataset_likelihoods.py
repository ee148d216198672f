"""The likelihoods of a dataset: normalized, finite for its events, and the product of its conditionals."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.evidence import Evidence
from tensorar.parts.registry import default_registry
from tensorar.suggestions import suggest_heads
from tensorar.testing.oracles import all_values, levels_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

# events enumerated to sum their probabilities
MAX_ENUMERATED_EVENTS = 100_000


@check("dataset")
def likelihoods_are_probabilities(part: PartUnderTest) -> None:
    """``log_prob`` is finite for the data, and probabilities do not sum to more than 1."""
    dataset: Dataset = part.instance
    events = dataset.test[:500]
    nats = dataset.log_prob(events)
    if nats is None:
        raise CheckSkipped("the dataset has no log_prob")
    if tuple(nats.shape) != (len(events),) or not nats.isfinite().all():
        raise CheckFailed("log_prob is not a finite number for each event of test")
    if _has_integers(events):
        different = events.reshape(len(events), -1).unique(dim=0).reshape(-1, *dataset.event_shape)
        total = _mass(dataset, different)
        if total > 1 + 1e-6:
            raise CheckFailed(f"the probabilities of {len(different)} different events sum to {total:.6g}")
        _require_sum(dataset, events)


@check("dataset")
def conditionals_add_up_to_log_prob(part: PartUnderTest) -> None:
    """The logarithms of ``conditional`` in raster order add up to ``log_prob``."""
    dataset: Dataset = part.instance
    x = dataset.test[:20]
    flat, n = x.reshape(len(x), -1), x[0].numel()
    nats = dataset.log_prob(x)
    if nats is None or dataset.conditional(_evidence_before(x, 0)) is None:
        raise CheckSkipped("the dataset has no log_prob or no conditional")
    total = torch.zeros(len(x), dtype=torch.float64)
    for t in range(n):
        posterior = dataset.conditional(_evidence_before(x, t))
        assert posterior is not None
        total = total + posterior.log_prob(flat[:, t].double()).double()
    if not torch.allclose(total, nats.double(), rtol=1e-6, atol=1e-6):
        raise CheckFailed(f"the conditionals sum to {total[0].item():g} nats, log_prob is {nats[0].item():g}")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _has_integers(events: Tensor) -> bool:
    return not events.is_floating_point() or bool((events == events.round()).all())


def _mass(dataset: Dataset, events: Tensor) -> float:
    nats = dataset.log_prob(events)
    assert nats is not None
    return float(nats.double().exp().sum())


def _require_sum(dataset: Dataset, events: Tensor) -> None:
    """Require that the probabilities of all events sum to 1, if these are few."""
    heads = [head_for(default_registry().create("head", spec), dataset) for spec in suggest_heads(dataset)[:1]]
    levels = levels_of(heads[0]) if heads else int(events.max()) + 1
    if levels is not None and levels ** events[0].numel() <= MAX_ENUMERATED_EVENTS:
        total = _mass(dataset, all_values(dataset.event_shape, levels))
        if not abs(total - 1) < 1e-6:
            raise CheckFailed(f"the probabilities of all events sum to {total:.9g}")


def _evidence_before(x: Tensor, known: int) -> Evidence:
    mask = (torch.arange(x[0].numel()) < known).expand(len(x), -1).reshape(x.shape)
    return Evidence(mask, x)
