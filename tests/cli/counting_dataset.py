"""A single-file plugin with datasets that count how often they are loaded, or must not be loaded at all."""

from dataclasses import dataclass
from typing import ClassVar

import torch

import tensorar


@dataclass(frozen=True, kw_only=True)
class Counting(tensorar.Dataset):
    """Pairs of equal bits, which depend on their context."""

    name = "counting"
    labels: bool = False
    loads: ClassVar[list[str]] = []

    def _bits(self, n, seed):
        return torch.randint(2, (n, 1), generator=torch.Generator().manual_seed(seed))

    def load(self):
        self.loads.append("events")
        return tensorar.Splits(*(self._bits(20, seed).expand(20, 2).byte() for seed in range(3)))

    def load_contexts(self):
        if not self.labels:
            return None
        self.loads.append("contexts")
        return tensorar.Splits(*(self._bits(20, seed).float() for seed in range(3)))


@dataclass(frozen=True, kw_only=True)
class Sealed(tensorar.Dataset):
    """Events that nobody may load."""

    name = "sealed"
    size: int = 3

    def __post_init__(self):
        if self.size < 1:
            raise ValueError("size must be positive")

    def load(self):
        raise AssertionError("the data were loaded")


@tensorar.hookimpl
def tensorar_datasets():
    return [Counting, Sealed]
