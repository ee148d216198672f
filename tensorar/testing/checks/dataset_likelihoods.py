"""The likelihoods of a dataset: of single events, normalized, those of the data, and products of the conditionals."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.evidence import Evidence
from tensorar.testing.checks.datasets import SPLITS
from tensorar.testing.generate.option_values import with_option
from tensorar.testing.oracles import SIGNIFICANCE, all_values, levels_of, p_value
from tensorar.testing.part_under_test import PartUnderTest, suggest_head
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.testing.statistics import p_value_of_mean

# events enumerated to sum their probabilities, and their coefficients in all
MAX_ENUMERATED_EVENTS = 100_000
# values of integer options for which the events may be few enough to be enumerated
SMALL_SIZES = (1, 2, 3, 4)
# events whose conditionals are computed, if they have few coefficients
SOME_EVENTS, FEW_COEFFICIENTS = 70, 40


@check("dataset")
def likelihoods_are_probabilities(part: PartUnderTest) -> None:
    """``log_prob`` is finite for the data, and the probabilities of all events sum to 1.

    All events are enumerated if they are few, with small values of the options if need be; otherwise those of different
    events of the data must not sum to more than 1.
    """
    dataset: Dataset = part.instance
    _require_likelihoods(dataset, dataset.test[:500])
    for split in SPLITS:
        events = getattr(dataset, split)[:500]
        if not _require_likelihoods(dataset, events).isfinite().all():
            raise CheckFailed(f"log_prob is not a finite number for each event of {split}")
    if _has_integers(dataset.test):
        for options, form in _forms(part):
            _require_normalized(form, options)


@check("dataset")
def likelihoods_are_of_single_events(part: PartUnderTest) -> None:
    """An event has the same ``log_prob`` in any batch and dtype, and the events passed are not changed."""
    dataset: Dataset = part.instance
    x = dataset.test[:SOME_EVENTS]
    kept, nats = x.clone(), _require_likelihoods(dataset, x)
    if not torch.equal(x, kept):
        raise CheckFailed("log_prob changes the events passed to it")
    backwards = _require_likelihoods(dataset, x.flip(0)).flip(0)
    alone = torch.cat([_require_likelihoods(dataset, one) for one in x.split(1)])
    for other, how in ((backwards, "in another order"), (alone, "alone"), (_in_float64(dataset, x), "in float64")):
        if not torch.allclose(other.double(), nats.double(), rtol=1e-5, atol=1e-5):
            raise CheckFailed(f"log_prob differs for the same events {how}")


@check("dataset")
def frequencies_match_the_likelihood(part: PartUnderTest) -> None:
    """Frequent events are as frequent as ``log_prob`` predicts (chi-square test, significance 1e-4).

    Those that are frequent in one half of the data, simulated events included, are counted in the other half.
    """
    dataset: Dataset = part.instance
    _require_likelihoods(dataset, dataset.test[:1])
    if not _has_integers(dataset.test):
        raise CheckSkipped("the events are not of integers")
    tested = 0
    for what, events in _samples(dataset):
        mixed = events[torch.randperm(len(events), generator=torch.Generator().manual_seed(0))]
        chosen, counted = mixed.reshape(len(mixed), -1).chunk(2)
        different, counts = chosen.unique(dim=0, return_counts=True)
        frequent = different[counts >= 10]
        if len(frequent):
            tested += 1
            _require_frequencies(dataset, frequent, counted, what)
    if not tested:
        raise CheckSkipped("no event is frequent")


@check("dataset")
def conditionals_add_up_to_log_prob(part: PartUnderTest) -> None:
    """The logarithms of ``conditional`` in raster order add up to ``log_prob``; each is normalized.

    The probabilities of all values of a coefficient sum to 1, and evidence gives the same conditional in any batch.
    """
    dataset: Dataset = part.instance
    x = dataset.test[: SOME_EVENTS if dataset.test[0].numel() <= FEW_COEFFICIENTS else 20]
    flat, n = x.reshape(len(x), -1), x[0].numel()
    nats = dataset.log_prob(x)
    if nats is None or dataset.conditional(_evidence_before(x, 0)) is None:
        raise CheckSkipped("the dataset has no log_prob or no conditional")
    head = part.suggested_head
    levels = levels_of(head) if _has_integers(x) else None
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
    if first is None or dataset.log_prob(dataset.test[:1]) is None:
        raise CheckSkipped("the dataset has no log_prob or no conditional")
    for what, events in _samples(dataset):
        x = events[torch.randperm(len(events), generator=torch.Generator().manual_seed(0))[:100]]
        surplus = _require_likelihoods(dataset, x).double()
        for t in range(x[0].numel()):
            surplus = surplus + _entropy(dataset, x, t)
        if p_value_of_mean(surplus) < SIGNIFICANCE:
            raise CheckFailed(
                f"the mean log_prob of {what} is {surplus.mean():.3f} nats above minus the entropy of the conditionals"
            )


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_likelihoods(dataset: Dataset, events: Tensor) -> Tensor:
    """The likelihoods. Raises ``CheckSkipped`` without them, and ``CheckFailed`` unless there is one per event."""
    nats = dataset.log_prob(events)
    if nats is None:
        raise CheckSkipped("the dataset has no log_prob")
    if tuple(nats.shape) != (len(events),) or not nats.is_floating_point() or nats.isnan().any():
        raise CheckFailed(f"log_prob of {len(events)} events is {nats.dtype} of shape {tuple(nats.shape)}, or NaN")
    return nats


def _has_integers(events: Tensor) -> bool:
    return not events.is_floating_point() or bool((events == events.round()).all())


def _in_float64(dataset: Dataset, x: Tensor) -> Tensor:
    return _require_likelihoods(dataset, x.double())


def _forms(part: PartUnderTest) -> Iterator[tuple[str, Dataset]]:
    """The dataset, and with small values of its integer options, where these make its events smaller."""
    dataset: Dataset = part.instance
    yield "", dataset
    for option, parameter in part.part.option_parameters().items():
        for size in SMALL_SIZES:
            if type(part.options.get(option, parameter.default)) is not int:
                continue
            try:
                small: Dataset = with_option(part, option, size).make()
                smaller = small.test[0].numel() < dataset.test[0].numel()
            except TensorarError:
                continue
            if smaller and _has_integers(small.test) and small.log_prob(small.test[:1]) is not None:
                yield f" ({option}={size})", small


def _require_normalized(dataset: Dataset, options: str) -> None:
    """Require that the probabilities of all events sum to 1 if these are few, and to no more otherwise."""
    head, n = suggest_head(dataset), dataset.test[0].numel()
    levels = levels_of(head)
    if levels is not None and levels**n <= MAX_ENUMERATED_EVENTS:
        coefficients = torch.arange(n).reshape(dataset.event_shape)
        total = _mass(dataset, head.restore(all_values(dataset.event_shape, levels), coefficients))
        if not abs(total - 1) < 1e-6:
            raise CheckFailed(f"the probabilities of all events sum to {total:.9g}{options}")
        return
    different = dataset.test[:500].reshape(-1, n).unique(dim=0).reshape(-1, *dataset.event_shape)
    total = _mass(dataset, different)
    if total > 1 + 1e-6:
        raise CheckFailed(f"the probabilities of {len(different)} different events sum to {total:.6g}{options}")


def _mass(dataset: Dataset, events: Tensor) -> float:
    return float(_require_likelihoods(dataset, events).double().exp().sum())


def _samples(dataset: Dataset) -> Iterator[tuple[str, Tensor]]:
    """The test events, and simulated ones."""
    yield "the test events", dataset.test[:20_000]
    simulated = dataset.simulate(10_000, torch.Generator().manual_seed(7))
    if simulated is not None:
        yield "simulated events", simulated


def _require_frequencies(dataset: Dataset, frequent: Tensor, counted: Tensor, what: str) -> None:
    k = len(frequent)
    together, inverse = torch.cat([frequent, counted]).unique(dim=0, return_inverse=True)
    cell = torch.full((len(together),), k).index_put_((inverse[:k],), torch.arange(k))
    counts = cell[inverse[k:]].bincount(minlength=k + 1)
    nats = _require_likelihoods(dataset, frequent.reshape(-1, *dataset.event_shape))
    probability = nats.double().exp()
    probability = torch.cat([probability, (1 - probability.sum())[None].clamp(min=0)])
    if p_value(counts, probability) < SIGNIFICANCE:
        odd = int(((counts - probability * len(counted)).abs() / (probability * len(counted) + 1).sqrt()).argmax())
        event = f"the event {frequent[odd].tolist()}" if odd < k else "another event"
        raise CheckFailed(
            f"{event} occurs {int(counts[odd])} times in {len(counted)} of {what}, expected"
            f" {float(probability[odd]) * len(counted):.1f} by log_prob"
        )


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
