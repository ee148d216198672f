"""A tiny dataset as a single-file plugin."""

from dataclasses import dataclass

import torch

import tensorar


@dataclass(frozen=True, kw_only=True)
class Agreeing(tensorar.Dataset):
    """Equal bits, each flipped with probability 0.1."""

    name = "agreeing"
    length: int = 6
    events: int = 64
    drawn: bool = False

    def load(self):
        parts = [self._draw(self.events, torch.Generator().manual_seed(seed)) for seed in (1, 2, 3)]
        return tensorar.Splits(*parts)

    def _draw(self, n, generator):
        first = torch.rand(n, 1, generator=generator) < 0.5
        flips = torch.rand(n, self.length, generator=generator) < 0.1
        return (first ^ flips).to(torch.uint8)

    def simulate(self, n, generator):
        return self._draw(n, generator) if self.drawn else None


@tensorar.hookimpl
def tensorar_datasets():
    return [Agreeing]
