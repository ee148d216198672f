"""Random numbers of datasets: one stream per seed and purpose."""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, purpose: str) -> torch.Generator:
    """A generator for a seed and a purpose, independent of all others and of plain ``manual_seed(seed)``.

    Plain seeds would overlap: training with a generator seeded with 0 must not draw the test set of seed 0.
    """
    digest = hashlib.sha256(f"tensorar {purpose} {seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big"))
