"""The contexts of a dataset: one per event, moved along with it, and read from text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import DataError, TensorarError
from tensorar.testing.checks.datasets import SPLITS, splits_of
from tensorar.testing.generate.option_values import with_option
from tensorar.testing.oracles import SIGNIFICANCE
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.testing.statistics import p_value_of_mean

# events per split whose contexts are compared with those of similar events
MAX_EVENTS = 1000
MIN_EVENTS = 100
TEXTS = ("", "no such context", "nan", "1e999", "0;1", "--3")


@check("dataset")
def contexts_match(part: PartUnderTest) -> None:
    """There is one context per event, always the same, and no simulation without contexts."""
    one, other = part.instance, part.make()
    if one.contexts is None:
        raise CheckSkipped("the dataset has no contexts")
    for name in SPLITS:
        first, second = getattr(one.contexts, name), getattr(other.contexts, name)
        if len(first) != len(getattr(one, name)) or first.dtype != second.dtype or not torch.equal(first, second):
            raise CheckFailed(f"expected one context for each event of {name}, the same each time")
    if one.simulate(1, torch.Generator()) is not None:
        raise CheckFailed("simulated events have no contexts: a dataset with contexts must not override simulate")


@check("dataset")
def contexts_follow_their_events(part: PartUnderTest) -> None:
    """With another seed, an event keeps its context; and similar events have similar contexts in each split or in none.

    Similar events: the context of the nearest other event is compared with that of any (significance 1e-4).
    """
    dataset: Dataset = part.instance
    if dataset.contexts is None:
        raise CheckSkipped("the dataset has no contexts")
    if "seed" in part.part.option_parameters():
        seed = part.options.get("seed", part.part.option_parameters()["seed"].default)
        _require_same_contexts(dataset, with_option(part, "seed", (seed if type(seed) is int else 0) + 1).make())
    long = [name for name, events in splits_of(dataset).items() if len(events) >= MIN_EVENTS]
    found = {name: _p_value_of_similarity(dataset, name) for name in long}
    similar = [name for name, p in found.items() if p < SIGNIFICANCE]
    odd = [name for name, p in found.items() if p > 0.01]
    if similar and odd:
        raise CheckFailed(
            f"events of {odd[0]} that are alike have contexts as different as any, unlike those of {similar[0]}"
        )
    if not similar and "train" in odd and len(dataset.splits.train) >= MAX_EVENTS:
        raise CheckFailed("training events that are alike have contexts as different as any: are they aligned?")


@check("dataset")
def parses_contexts(part: PartUnderTest) -> None:
    """``parse_context`` returns a context for its text, and refuses other text with a ``DataError``."""
    dataset: Dataset = part.instance
    if dataset.contexts is None:
        raise CheckSkipped("the dataset has no contexts")
    contexts = dataset.contexts.train[:20]
    own = type(dataset).parse_context is not Dataset.parse_context
    written = [",".join(map(repr, row)) for row in contexts.double().tolist()]
    for text, context in zip(written, contexts, strict=True):
        parsed = _parsed(dataset, text)
        if parsed is not None and not torch.equal(parsed, context.to(parsed.dtype)):
            raise CheckFailed(f"parse_context of {text!r}, a context of train, returns {parsed.tolist()}")
        if parsed is None and not own:
            raise CheckFailed(f"parse_context refuses {text!r}, a context of train")
    if own:
        _require_different_contexts(dataset, [str(index) for index in range(contexts.shape[1])])
    for text in TEXTS:
        _parsed(dataset, text)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_same_contexts(one: Dataset, other: Dataset) -> None:
    """Require that the events of both datasets have the same contexts in both."""
    try:
        known, found = _contexts_by_event(one), _contexts_by_event(other)
    except TensorarError:
        return
    for event in known.keys() & found.keys():
        # equal events may have several contexts
        if known[event].isdisjoint(found[event]):
            raise CheckFailed("with another seed, some event has another context")


def _contexts_by_event(dataset: Dataset) -> dict[bytes, set[bytes]]:
    contexts = dataset.contexts
    assert contexts is not None
    found: dict[bytes, set[bytes]] = {}
    for name, events in splits_of(dataset).items():
        rows = (events.reshape(len(events), -1), getattr(contexts, name))
        for event, context in zip(*[some.contiguous().numpy() for some in rows], strict=True):
            found.setdefault(event.tobytes(), set()).add(context.tobytes())
    return found


def _p_value_of_similarity(dataset: Dataset, name: str) -> float:
    """The p-value of the hypothesis that the context of the nearest other event is as different as that of any."""
    assert dataset.contexts is not None
    events, contexts = getattr(dataset, name), getattr(dataset.contexts, name)
    chosen = torch.randperm(len(events), generator=torch.Generator().manual_seed(0))[:MAX_EVENTS]
    x = events[chosen].reshape(len(chosen), -1).double()
    x, c = x / x.std(0).clamp(min=1e-12), contexts[chosen].double()
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    nearest = (c - c[distance.argmin(1)]).square().sum(1)
    return p_value_of_mean(nearest - torch.cdist(c, c).square().sum(1) / (len(c) - 1))


def _parsed(dataset: Dataset, text: str) -> Tensor | None:
    """The context of a text, or None if it is refused. Raises ``CheckFailed`` unless it is a vector like the others."""
    try:
        context = dataset.parse_context(text)
    except DataError:
        return None
    if tuple(context.shape) != (dataset.context_features,) or not context.isfinite().all():
        # the default accepts any numbers, whose count and values are checked where they are used
        if type(dataset).parse_context is Dataset.parse_context:
            return None
        expected = f"expected {dataset.context_features} numbers"
        raise CheckFailed(f"parse_context of {text!r} returns {context.tolist()}, {expected}")
    return context


def _require_different_contexts(dataset: Dataset, texts: Sequence[str]) -> None:
    """Require that different numbers, where they are taken, are different contexts."""
    found = [tuple(context.tolist()) for text in texts if (context := _parsed(dataset, text)) is not None]
    if len(set(found)) < len(found):
        raise CheckFailed("parse_context returns the same context for different numbers")
