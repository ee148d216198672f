"""A single-file plugin for the tests: small images of one stroke, whose context says whether it lies."""

from dataclasses import dataclass

import torch

from tensorar import Dataset, Splits, hookimpl


@dataclass(frozen=True, kw_only=True)
class Strokes(Dataset):
    """Images of 4 x 5 with a row or a column of ones; with ``labels`` the context is one-hot."""

    name = "strokes"
    labels: bool = False
    missing: bool = False

    def _lies(self, n):
        return torch.arange(n) % 2 == 0

    def load(self):
        images = torch.zeros(60, 4, 5)
        images[self._lies(60), 1] = 1
        images[~self._lies(60), :, 1] = 1
        if self.missing:
            images[:, 3, 4] = torch.nan
        return Splits(images[:40], images[40:50], images[50:])

    def load_contexts(self):
        if not self.labels:
            return None
        labels = [torch.stack([self._lies(n), ~self._lies(n)], dim=1).float() for n in (40, 10, 10)]
        return Splits(*labels)


@hookimpl
def tensorar_datasets():
    return [Strokes]
