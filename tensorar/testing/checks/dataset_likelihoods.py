"""The likelihoods of a dataset: of single events, normalized, and those of the data."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.testing.checks.datasets import SPLITS
from tensorar.testing.generate.option_values import with_option
from tensorar.testing.oracles import SIGNIFICANCE, all_events, event_count, p_value
from tensorar.testing.part_under_test import PartUnderTest, suggest_head
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

# events enumerated to sum their probabilities, and their coefficients in all
MAX_ENUMERATED_EVENTS = 100_000
# values of integer options for which the events may be few enough to be enumerated
SMALL_SIZES = (1, 2, 3, 4)
# events that are compared alone, in another order and in float64
SOME_EVENTS = 70


@check("dataset")
def likelihoods_are_probabilities(part: PartUnderTest) -> None:
    """``log_prob`` is finite for the data, and the probabilities of all events sum to 1.

    All events are enumerated if they are few, with small values of the options if need be; otherwise those of different
    events of the data must not sum to more than 1.
    """
    dataset: Dataset = part.instance
    likelihoods_of(dataset, dataset.splits.test[:500])
    for split in SPLITS:
        events = getattr(dataset, split)[:500]
        if not likelihoods_of(dataset, events).isfinite().all():
            raise CheckFailed(f"log_prob is not a finite number for each event of {split}")
    if has_integers(dataset.splits.test):
        for options, form in _forms(part):
            _require_normalized(form, options)


@check("dataset")
def likelihoods_are_of_single_events(part: PartUnderTest) -> None:
    """An event has the same ``log_prob`` in any batch and dtype, and the events passed are not changed."""
    dataset: Dataset = part.instance
    x = dataset.splits.test[:SOME_EVENTS]
    kept, nats = x.clone(), likelihoods_of(dataset, x)
    if not torch.equal(x, kept):
        raise CheckFailed("log_prob changes the events passed to it")
    backwards = likelihoods_of(dataset, x.flip(0)).flip(0)
    alone = torch.cat([likelihoods_of(dataset, one) for one in x.split(1)])
    double = likelihoods_of(dataset, x.double())
    for other, how in ((backwards, "in another order"), (alone, "alone"), (double, "in float64")):
        if not torch.allclose(other.double(), nats.double(), rtol=1e-5, atol=1e-5):
            raise CheckFailed(f"log_prob differs for the same events {how}")


@check("dataset")
def frequencies_match_the_likelihood(part: PartUnderTest) -> None:
    """Frequent events are as frequent as ``log_prob`` predicts (chi-square test, significance 1e-4).

    Those that are frequent in one half of the data, simulated events included, are counted in the other half.
    """
    dataset: Dataset = part.instance
    likelihoods_of(dataset, dataset.splits.test[:1])
    if not has_integers(dataset.splits.test):
        raise CheckSkipped("the events are not of integers")
    tested = 0
    for what, events in samples_of(dataset):
        mixed = events[torch.randperm(len(events), generator=torch.Generator().manual_seed(0))]
        chosen, counted = mixed.reshape(len(mixed), -1).chunk(2)
        different, counts = chosen.unique(dim=0, return_counts=True)
        frequent = different[counts >= 10]
        if len(frequent):
            tested += 1
            _require_frequencies(dataset, frequent, counted, what)
    if not tested:
        raise CheckSkipped("no event is frequent")


# --- helpers ---------------------------------------------------------------------------------------------------------


def likelihoods_of(dataset: Dataset, events: Tensor) -> Tensor:
    """The likelihoods. Raises ``CheckSkipped`` without them, and ``CheckFailed`` unless there is one per event."""
    nats = dataset.log_prob(events)
    if nats is None:
        raise CheckSkipped("the dataset has no log_prob")
    if tuple(nats.shape) != (len(events),) or not nats.is_floating_point() or nats.isnan().any():
        raise CheckFailed(f"log_prob of {len(events)} events is {nats.dtype} of shape {tuple(nats.shape)}, or NaN")
    return nats


def has_integers(events: Tensor) -> bool:
    """Whether all values are whole numbers."""
    return not events.is_floating_point() or bool((events == events.round()).all())


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
                smaller = small.splits.test[0].numel() < dataset.splits.test[0].numel()
            except TensorarError:
                continue
            if smaller and has_integers(small.splits.test) and small.log_prob(small.splits.test[:1]) is not None:
                yield f" ({option}={size})", small


def _require_normalized(dataset: Dataset, options: str) -> None:
    """Require that the probabilities of all events sum to 1 if these are few, and to no more otherwise."""
    head, n = suggest_head(dataset), dataset.splits.test[0].numel()
    count = event_count(head, dataset.event_shape)
    if count is not None and count <= MAX_ENUMERATED_EVENTS:
        coefficients = torch.arange(n).reshape(dataset.event_shape)
        total = _mass(dataset, head.restore(all_events(head, dataset.event_shape), coefficients))
        if not abs(total - 1) < 1e-6:
            raise CheckFailed(f"the probabilities of all events sum to {total:.9g}{options}")
        return
    different = dataset.splits.test[:500].reshape(-1, n).unique(dim=0).reshape(-1, *dataset.event_shape)
    total = _mass(dataset, different)
    if total > 1 + 1e-6:
        raise CheckFailed(f"the probabilities of {len(different)} different events sum to {total:.6g}{options}")


def _mass(dataset: Dataset, events: Tensor) -> float:
    return float(likelihoods_of(dataset, events).double().exp().sum())


def samples_of(dataset: Dataset) -> Iterator[tuple[str, Tensor]]:
    """The test events, and simulated ones."""
    yield "the test events", dataset.splits.test[:20_000]
    simulated = dataset.simulate(10_000, torch.Generator().manual_seed(7))
    if simulated is not None:
        yield "simulated events", simulated


def _require_frequencies(dataset: Dataset, frequent: Tensor, counted: Tensor, what: str) -> None:
    k = len(frequent)
    together, inverse = torch.cat([frequent, counted]).unique(dim=0, return_inverse=True)
    cell = torch.full((len(together),), k).index_put_((inverse[:k],), torch.arange(k))
    counts = cell[inverse[k:]].bincount(minlength=k + 1)
    nats = likelihoods_of(dataset, frequent.reshape(-1, *dataset.event_shape))
    probability = nats.double().exp()
    probability = torch.cat([probability, (1 - probability.sum())[None].clamp(min=0)])
    if p_value(counts, probability) < SIGNIFICANCE:
        odd = int(((counts - probability * len(counted)).abs() / (probability * len(counted) + 1).sqrt()).argmax())
        event = f"the event {frequent[odd].tolist()}" if odd < k else "another event"
        raise CheckFailed(
            f"{event} occurs {int(counts[odd])} times in {len(counted)} of {what}, expected"
            f" {float(probability[odd]) * len(counted):.1f} by log_prob"
        )
