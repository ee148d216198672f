"""One array of the user's own."""

from __future__ import annotations

from dataclasses import dataclass

from tensorar import Dataset, Splits
from tensorar_plugins.datasets.reading import read_npy
from tensorar_plugins.datasets.splitting import check_fractions, split


@dataclass(frozen=True, kw_only=True)
class Npy(Dataset):
    """Your own array from a .npy file, events along its first axis; shuffled by the seed and split.

    The kind of number stays as it is, so that bits, levels and reals each get the head made for them.
    """

    name = "npy"
    path: str
    valid_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    def __post_init__(self):
        check_fractions(self.name, valid_fraction=self.valid_fraction, test_fraction=self.test_fraction)

    def load(self):
        fractions = [self.valid_fraction, self.test_fraction]
        return Splits(*split(read_npy(self.path), fractions, self.seed, where=self.path))
