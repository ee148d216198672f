"""Checks of widths and depths, and how many examples a network computes in one call."""

from __future__ import annotations

import torch

from tensorar import SpecError

# elements per call that keep an accelerator busy and still leave most of its memory free
ACCELERATOR_ELEMENTS_PER_CALL = 2**24


def require_positive(name: str, **sizes: int) -> None:
    """Raise ``SpecError`` if an option of the backbone ``name``, such as a width or a depth, is not positive."""
    for option, size in sizes.items():
        if size < 1:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(size), remedy="use at least 1")


def max_examples_per_call(each: int, elements: int, device: torch.device) -> int:
    """The largest batch, at least 1, if every example takes ``each`` elements.

    On a CPU a call gets ``elements`` of them, which should fit its caches.
    """
    return max(1, (elements if device.type == "cpu" else ACCELERATOR_ELEMENTS_PER_CALL) // max(each, 1))
