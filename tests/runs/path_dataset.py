"""A single-file plugin with a dataset that has paths among its options."""

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


@tensorar.hookimpl
def tensorar_datasets():
    return [Bits]
