"""Choosing events of a split, and the contexts for events and samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import TensorarError
from tensorar.events import Events as StoredOrTensor
from tensorar.parts.spec import nearest
from tensorar.runs.run import Run
from tensorar.utils.permutation import Permutation

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Events:
    """Events ``(n, *event)`` of a split, with their contexts ``(n, K)`` if the dataset has any, and their numbers.

    They are a tensor, or ``StoredEvents``.
    """

    x: Any
    contexts: Float[Tensor, "n context"] | None
    rows: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.x)


def check_split(split: str) -> None:
    """Raise ``TensorarError`` for an unknown split; called before any data are loaded."""
    if split not in SPLITS:
        raise TensorarError(
            expected=f"`split` to be one of {', '.join(SPLITS)}", got=repr(split), remedy=nearest(split, SPLITS)
        )


def check_counts(minimum: int = 1, **counts: int | None) -> None:
    """Raise ``TensorarError`` for a count below ``minimum``; called before any data are loaded. None is no limit."""
    for name, count in counts.items():
        if count is not None and count < minimum:
            raise TensorarError(expected=f"`{name}` >= {minimum}", got=str(count), remedy=f"use at least {minimum}")


def check_example(example: int, count: int, split: str) -> None:
    """Raise ``TensorarError`` for the number of an event that is not among the ``count`` events of a split."""
    if not 0 <= example < count:
        raise TensorarError(
            expected=f"`example` below {count}, the number of {split} events",
            got=str(example),
            remedy="choose another event",
        )


def events_of(dataset: Dataset, split: str, count: int | None = None, seed: int = 0) -> Events:
    """All events of a split, or ``count`` of them drawn with the seed."""
    check_split(split)
    x: StoredOrTensor = getattr(dataset, split)
    contexts: Tensor | None = None if dataset.contexts is None else getattr(dataset.contexts, split)
    if count is None or count >= len(x):
        return Events(x if count is None else x[:], contexts, torch.arange(len(x)))
    rows = Permutation(len(x), torch.Generator().manual_seed(seed))[torch.arange(count)]
    return Events(x[rows], None if contexts is None else contexts[rows], rows)


def given_contexts(run: Run, context: Sequence[str] | Tensor | None, n: int) -> Float[Tensor, "n context"] | None:
    """``n`` contexts that cycle through the given ones (as text, or a tensor ``(k, K)``); None if none are given."""
    if context is None or not len(context):
        return None
    if not run.context_features:
        raise TensorarError(
            expected=f"no `context`, since {run.folder} was trained without",
            got="a tensor" if isinstance(context, Tensor) else context[0],
            remedy="leave it out",
        )
    contexts = context if isinstance(context, Tensor) else torch.stack([run.parse_context(text) for text in context])
    return contexts[torch.arange(n) % len(contexts)]


def contexts_for_samples(
    run: Run, context: Sequence[str] | Tensor | None, n: int, seed: int
) -> Float[Tensor, "n context"] | None:
    """Contexts for ``n`` samples: the given ones, else those of training events drawn with the seed, in cycles."""
    contexts = given_contexts(run, context, n)
    if contexts is not None or not run.context_features:
        return contexts
    drawn = events_of(run.dataset, "train", n, seed).contexts
    return None if drawn is None else drawn[torch.arange(n) % len(drawn)]
