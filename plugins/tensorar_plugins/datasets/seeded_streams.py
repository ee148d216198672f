"""Random numbers of a dataset: one stream per seed and purpose."""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, purpose: str) -> torch.Generator:
    """The generator of a seed and a purpose, unrelated to all others and to plain ``manual_seed(seed)``.

    Plain seeds would not do: a training that starts its generator at 0 must not draw the test set of seed 0.
    """
    digest = hashlib.sha256(f"tensorar {purpose} {seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big"))
