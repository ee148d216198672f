"""A single-file plugin for the tests: bits that are determined by their context."""

from dataclasses import dataclass

import torch

from tensorar import Dataset, Splits, hookimpl


@dataclass(frozen=True, kw_only=True)
class Labelled(Dataset):
    """Four equal bits; the context is their one-hot encoding."""

    name = "labelled"
    broken: bool = False

    def _bits(self, n, seed):
        return torch.randint(2, (n, 1), generator=torch.Generator().manual_seed(seed))

    def load(self):
        return Splits(*(self._bits(n, seed).expand(n, 4).byte() for seed, n in enumerate((200, 50, 50))))

    def load_contexts(self):
        bits = [self._bits(n, seed).float() for seed, n in enumerate((200, 50, 40 if self.broken else 50))]
        return Splits(*(torch.cat([b, 1 - b], dim=1) for b in bits))


@hookimpl
def tensorar_datasets():
    return [Labelled]
