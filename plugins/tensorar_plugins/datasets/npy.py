"""One array of the user's own."""

from __future__ import annotations

from dataclasses import dataclass

from tensorar import Splits
from tensorar_plugins.datasets.array_files import read_npy
from tensorar_plugins.datasets.splitting import SplitArrays


@dataclass(frozen=True, kw_only=True)
class Npy(SplitArrays):
    """Your own array from a .npy file, with events along the first axis; shuffled and split.

    The dtype is kept, so that bits, levels and real numbers each get a suitable head.
    """

    name = "npy"

    def load(self) -> Splits:
        return self.split_all(read_npy(self.path))
