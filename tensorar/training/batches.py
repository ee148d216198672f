"""Training batches as a function of seed and step, so that a resumed run gets the same ones."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from tensorar.augmentation import Augmentation
from tensorar.dataset import Dataset
from tensorar.evidence import Evidence
from tensorar.utils.permutation import Permutation


def keyed_seed(*key: int | str) -> int:
    """A 63-bit seed derived from a key by hashing; seeds of different keys are unrelated."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def keyed_generator(*key: int | str) -> torch.Generator:
    """A CPU generator seeded by a key."""
    return torch.Generator().manual_seed(keyed_seed(*key))


class Batches:
    """The training events of every step: shuffled epochs, or new events if the dataset simulates them.

    With several processes, each takes its share of the same batch. With an ``augmentation`` events are transformed, and
    their contexts end with its tokens.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        *,
        process: int = 0,
        processes: int = 1,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.dataset, self.seed, self.augmentation = dataset, seed, augmentation
        self.process, self.processes = process, processes
        self.batch_size = min(batch_size, len(dataset.train))
        self._epoch, self._permutation = -1, Permutation(0)

    def __getitem__(
        self, step: int
    ) -> tuple[Real[Tensor, "share *event"] | Evidence, Float[Tensor, "share context"] | None]:
        """The events of a step (the share of this process), with their contexts if the dataset has any.

        Of a dataset with missing values, what was observed of the events.
        """
        events, contexts = self._events(step)
        if self.augmentation is None:
            return events, contexts
        # numbers of their own, so that the events are the same ones with and without
        generator = keyed_generator(self.seed, "augment", step, self.process)
        events, tokens = self.augmentation(events, self.dataset.axis_names, generator)
        return events, tokens if contexts is None else torch.cat([contexts, tokens.to(contexts)], dim=1)

    def _events(
        self, step: int
    ) -> tuple[Real[Tensor, "share *event"] | Evidence, Float[Tensor, "share context"] | None]:
        """The events of a step as the dataset has them, with their contexts."""
        generator = keyed_generator(self.seed, "batch", step, self.process)
        share = len(range(self.process, self.batch_size, self.processes))
        simulated = self.dataset.simulate(share, generator)
        if simulated is not None:
            return self.dataset.observed(simulated), None
        indices = self._indices(step)[self.process :: self.processes]
        contexts = self.dataset.contexts
        events = self.dataset.observed(self.dataset.draw(indices, generator))
        return events, None if contexts is None else contexts.train[indices]

    def _indices(self, step: int) -> Int[Tensor, " batch"]:
        epoch, first = divmod(step * self.batch_size, len(self.dataset.train))
        count = min(self.batch_size, len(self.dataset.train) - first)
        chosen = self._shuffled(epoch)[torch.arange(first, first + count)]
        # a batch is no larger than an epoch
        rest = torch.arange(self.batch_size - count)
        return torch.cat([chosen, self._shuffled(epoch + 1)[rest]]) if len(rest) else chosen

    def _shuffled(self, epoch: int) -> Permutation:
        if epoch != self._epoch:
            generator = keyed_generator(self.seed, "epoch", epoch)
            self._epoch, self._permutation = epoch, Permutation(len(self.dataset.train), generator)
        return self._permutation
