"""Training batches as a function of seed and step, so that a resumed run gets the same ones."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from tensorar.augmentation import Augmentation
from tensorar.dataset import Dataset
from tensorar.evidence import Evidence
from tensorar.training.device import fits_on
from tensorar.utils.permutation import Permutation
from tensorar.utils.random_state import CPU


def keyed_seed(*key: int | str) -> int:
    """A 63-bit seed derived from a key by hashing; seeds of different keys are unrelated."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def keyed_generator(*key: int | str) -> torch.Generator:
    """A CPU generator seeded by a key."""
    return torch.Generator().manual_seed(keyed_seed(*key))


class Batches:
    """The training events of every step: shuffled epochs, or new events if the dataset simulates them.

    With several processes, each takes its share of the same batch. Events that stay as they are, in memory, are moved
    to a GPU once, if they fit there. They are ``checked`` before the training, and need no checks in a step. With an
    ``augmentation`` events are transformed, and their contexts end with its tokens.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        *,
        process: int = 0,
        processes: int = 1,
        device: torch.device = CPU,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.dataset, self.seed, self.augmentation = dataset, seed, augmentation
        self.process, self.processes = process, processes
        self.batch_size = min(batch_size, len(dataset.train))
        self._epoch, self._permutation = -1, Permutation(0)
        kind = type(dataset)
        constant = kind.draw is Dataset.draw and kind.simulate is Dataset.simulate
        events = dataset.train
        in_memory = events if constant and isinstance(events, Tensor) else None
        self.checked = in_memory is not None and augmentation is None
        self._events: Tensor | None = None
        if in_memory is not None and fits_on(device, in_memory):
            self._events = in_memory.to(device)

    def __getitem__(
        self, step: int
    ) -> tuple[Real[Tensor, "share *event"] | Evidence, Float[Tensor, "share context"] | None]:
        """The events of a step (the share of this process), with their contexts if the dataset has any.

        Of a dataset with missing values, what was observed of the events.
        """
        events, contexts = self._as_they_are(step)
        if self.augmentation is None:
            return events, contexts
        # numbers of their own, so that the events are the same ones with and without
        generator = keyed_generator(self.seed, "augment", step, self.process)
        events, tokens = self.augmentation(events, self.dataset.axis_names, generator)
        return events, tokens if contexts is None else torch.cat([contexts, tokens.to(contexts)], dim=1)

    def _as_they_are(
        self, step: int
    ) -> tuple[Real[Tensor, "share *event"] | Evidence, Float[Tensor, "share context"] | None]:
        """The events of a step as the dataset has them, with their contexts."""
        if self._events is not None:
            return self._resident(self._events, step)
        generator = keyed_generator(self.seed, "batch", step, self.process)
        share = len(range(self.process, self.batch_size, self.processes))
        simulated = self.dataset.simulate(share, generator)
        if simulated is not None:
            return self.dataset.observed(simulated), None
        indices = self._indices(step)
        events = self.dataset.observed(self.dataset.draw(indices, generator))
        return events, self._contexts(indices)

    def _resident(self, events: Tensor, step: int) -> tuple[Tensor | Evidence, Tensor | None]:
        """The same, of events on the device."""
        indices = self._indices(step)
        chosen = events.index_select(0, indices.to(events.device))
        return self.dataset.observed(chosen), self._contexts(indices)

    def _contexts(self, indices: Tensor) -> Tensor | None:
        contexts = self.dataset.contexts
        return None if contexts is None else contexts.train[indices]

    def _indices(self, step: int) -> Int[Tensor, " share"]:
        """The events of this process in a step."""
        batch = self._batch(step)
        return batch if self.processes == 1 else batch[self.process :: self.processes]

    def _batch(self, step: int) -> Int[Tensor, " batch"]:
        epoch, first = divmod(step * self.batch_size, len(self.dataset.train))
        count = min(self.batch_size, len(self.dataset.train) - first)
        chosen = self._shuffled(epoch)[first : first + count]
        # a batch is no larger than an epoch
        rest = self.batch_size - count
        return torch.cat([chosen, self._shuffled(epoch + 1)[:rest]]) if rest else chosen

    def _shuffled(self, epoch: int) -> Permutation:
        if epoch != self._epoch:
            generator = keyed_generator(self.seed, "epoch", epoch)
            self._epoch, self._permutation = epoch, Permutation(len(self.dataset.train), generator)
        return self._permutation
