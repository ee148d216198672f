"""The conditionals of a dataset: normalized, and their product and entropies are those of its likelihoods."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.evidence import Evidence
from tensorar.testing.checks.dataset_likelihoods import has_integers, likelihoods_of, samples_of
from tensorar.testing.oracles import SIGNIFICANCE, levels_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.testing.statistics import p_value_of_mean

# events whose conditionals are computed, if they have few coefficients
SOME_EVENTS, FEW_COEFFICIENTS = 70, 40


@check("dataset")
def conditionals_add_up_to_log_prob(part: PartUnderTest) -> None:
    """The logarithms of ``conditional`` in raster order add up to ``log_prob``; each is normalized.

    The probabilities of all values of a coefficient sum to 1, and evidence gives the same conditional in any batch.
    """
    dataset: Dataset = part.instance
    x = dataset.splits.test[: SOME_EVENTS if dataset.splits.test[0].numel() <= FEW_COEFFICIENTS else 20]
    flat, n = x.reshape(len(x), -1), x[0].numel()
    nats = dataset.log_prob(x)
    if nats is None or dataset.conditional(_evidence_before(x, 0)) is None:
        raise CheckSkipped("the dataset has no log_prob or no conditional")
    head = part.suggested_head
    levels = levels_of(head) if has_integers(x) else None
    total = torch.zeros(len(x), dtype=torch.float64)
    for t in range(n):
        total = total + _conditional_nats(dataset, x, t, flat[:, t])
        if levels is not None and levels <= 1000 and t in (0, n // 2, n - 1):
            _require_conditional_normalized(dataset, x, t, head.restore(torch.arange(levels).double(), torch.tensor(t)))
    alone = torch.cat([_conditional_nats(dataset, one, n - 1, one.reshape(1, -1)[:, -1]) for one in x[:5].split(1)])
    if not torch.allclose(alone, _conditional_nats(dataset, x, n - 1, flat[:, -1])[:5], rtol=1e-6, atol=1e-6):
        raise CheckFailed("the conditional of one event alone differs from that in a batch")
    if not torch.allclose(total, nats.double(), rtol=1e-6, atol=1e-6):
        raise CheckFailed(f"the conditionals sum to {total[0].item():g} nats, log_prob is {nats[0].item():g}")


@check("dataset")
def entropies_match_the_data(part: PartUnderTest) -> None:
    """``-log_prob`` is on average the sum of the entropies of the conditionals (significance 1e-4)."""
    dataset: Dataset = part.instance
    first = dataset.conditional(Evidence.none(1, dataset.event_shape))
    if first is None or dataset.log_prob(dataset.splits.test[:1]) is None:
        raise CheckSkipped("the dataset has no log_prob or no conditional")
    for what, events in samples_of(dataset):
        x = events[torch.randperm(len(events), generator=torch.Generator().manual_seed(0))[:100]]
        surplus = likelihoods_of(dataset, x).double()
        for t in range(x[0].numel()):
            surplus = surplus + _entropy(dataset, x, t)
        if p_value_of_mean(surplus) < SIGNIFICANCE:
            raise CheckFailed(
                f"the mean log_prob of {what} is {surplus.mean():.3f} nats above minus the entropy of the conditionals"
            )


# --- helpers ---------------------------------------------------------------------------------------------------------


def _evidence_before(x: Tensor, known: int) -> Evidence:
    mask = (torch.arange(x[0].numel()) < known).expand(len(x), -1).reshape(x.shape)
    return Evidence(mask, x)


def _conditional_nats(dataset: Dataset, x: Tensor, t: int, values: Tensor) -> Tensor:
    posterior = dataset.conditional(_evidence_before(x, t))
    assert posterior is not None
    nats: Tensor = posterior.log_prob(values.double())
    if tuple(nats.shape) != tuple(values.shape):
        raise CheckFailed(f"the conditionals of {len(x)} events have log-probabilities of shape {tuple(nats.shape)}")
    return nats.double()


def _require_conditional_normalized(dataset: Dataset, x: Tensor, t: int, values: Tensor) -> None:
    every = x[:1].expand(len(values), *x.shape[1:])
    total = float(_conditional_nats(dataset, every, t, values).exp().sum())
    if not abs(total - 1) < 1e-6:
        raise CheckFailed(f"the conditional probabilities of coefficient {t} sum to {total:.9g}")


def _entropy(dataset: Dataset, x: Tensor, t: int) -> Tensor:
    posterior = dataset.conditional(_evidence_before(x, t))
    assert posterior is not None
    try:
        entropy: Tensor = posterior.entropy()
    except NotImplementedError:
        raise CheckSkipped(f"the entropy of {type(posterior).__name__} is not known") from None
    return entropy.double()
