"""A single-file plugin with a dataset and an ordering that have paths among their options."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

import tensorar


@dataclass(frozen=True, kw_only=True)
class Bits(tensorar.Dataset):
    """Bits from a text file of a plugin."""

    name = "bits"
    path: str | Path
    other: Path | None = None
    word: str = ""

    def load(self):
        path = Path(os.path.expandvars(self.path)).expanduser()
        if not path.exists():
            raise tensorar.DataError(expected=f"bits in {self.path}", got="none", remedy="check the path")
        events = torch.tensor([[int(digit) for digit in line] for line in path.read_text().split()])
        return tensorar.Splits(events, events, events)


@dataclass(frozen=True, kw_only=True)
class Written(tensorar.Ordering):
    """Raster order, with a file that it does not read."""

    name = "written"
    path: Path

    def visits(self, event_shape):
        return torch.arange(torch.Size(event_shape).numel())


@tensorar.hookimpl
def tensorar_orderings():
    return [Written]


@tensorar.hookimpl
def tensorar_datasets():
    return [Bits]
