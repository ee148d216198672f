"""Random permutations whose entries are computed when they are asked for, so that long ones take no memory."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

# longer permutations are not kept in memory
MAX_TABLE = 2**24
ROUNDS = 6
# odd numbers with well mixed bits (of SplitMix64), as signed integers
MULTIPLIERS = (-0x61C88646_80B583EB, -0x40A7B892_E31B1A47)


class Permutation:
    """A random permutation of ``range(n)`` drawn from a generator: ``permutation[positions]`` are its entries.

    Up to 16 million entries it is ``torch.randperm``. Longer ones are a Feistel cipher with keys from the generator on
    the smallest even number of bits that suffices, repeated until the result is below ``n`` (Black and Rogaway,
    "Ciphers with Arbitrary Finite Domains", 2002): a bijection of which no table exists.

    >>> permutation = Permutation(5, torch.Generator().manual_seed(0))
    >>> sorted(permutation[torch.arange(5)].tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(self, n: int, generator: torch.Generator | None = None) -> None:
        self.n, short = n, n <= MAX_TABLE
        self._table = torch.randperm(n, generator=generator) if short else None
        self._keys = [] if short else torch.randint(2**62, (ROUNDS,), generator=generator).tolist()

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, positions: Int[Tensor, " some"] | slice) -> Int[Tensor, " some"]:
        if self._table is not None:
            return self._table[positions]
        if isinstance(positions, slice):
            positions = torch.arange(*positions.indices(self.n))
        entries = self._encrypted(positions)
        # a walk along a cycle comes back to a position below n, where it began
        while bool((outside := entries >= self.n).any()):
            entries[outside] = self._encrypted(entries[outside])
        return entries

    def _encrypted(self, numbers: Tensor) -> Tensor:
        half = (self.n.bit_length() + 1) // 2
        mask = 2**half - 1
        left, right = numbers >> half, numbers & mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right, key) & mask)
        return torch.bitwise_or(left << half, right)


def _mixed(numbers: Tensor, key: int) -> Tensor:
    # products wrap around
    mixed = (numbers ^ key) * MULTIPLIERS[0]
    mixed = (mixed ^ (mixed >> 31)) * MULTIPLIERS[1]
    return torch.bitwise_xor(mixed, mixed >> 29)
