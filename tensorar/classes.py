"""Classes: contexts that are one-hot vectors, with their names and how often they occur."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import TensorarError


@dataclass(frozen=True, eq=False)
class Classes:
    """The names of classes, by position in their one-hot contexts, and their shares of the training events."""

    names: tuple[str, ...]
    shares: Float[Tensor, " classes"]

    def __len__(self) -> int:
        return len(self.names)

    def contexts(self) -> Float[Tensor, "classes classes"]:
        """The context of each class."""
        return torch.eye(len(self))


def classes_of(dataset: Dataset) -> Classes:
    """The classes of a dataset. Raises ``TensorarError`` unless the contexts of its events are one-hot vectors."""
    if dataset.contexts is None or not all(
        is_one_hot(part) for part in (dataset.contexts.train, dataset.contexts.valid, dataset.contexts.test)
    ):
        raise TensorarError(
            expected=f"a class for each event of {dataset.name}, as a one-hot context",
            got="no contexts" if dataset.contexts is None else "other contexts",
            remedy="use a dataset with labels, such as mnist:labels=true or table:target=COLUMN,...",
        )
    train = dataset.contexts.train
    names = dataset.class_names or [str(k) for k in range(train.shape[1])]
    return Classes(tuple(names), train.double().mean(0))


def is_one_hot(contexts: Float[Tensor, "n classes"]) -> bool:
    """Whether each context is a vector with a single 1 among at least two numbers."""
    zeros_and_ones = bool(((contexts == 0) | (contexts == 1)).all())
    return contexts.shape[1] > 1 and zeros_and_ones and bool((contexts.sum(1) == 1).all())


def labels_of(contexts: Float[Tensor, "n classes"]) -> Int[Tensor, " n"]:
    """The class of each one-hot context."""
    return contexts.argmax(1)
