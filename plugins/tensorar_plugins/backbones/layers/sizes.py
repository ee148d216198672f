"""Checks of options: widths, depths, kernels, dropout; and how many examples a network computes in one call."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tensorar import SpecError

# elements per call that keep an accelerator busy and still leave most of its memory free
ACCELERATOR_ELEMENTS_PER_CALL = 2**24
# accepted for events of any size
MAX_KERNEL = 1023


def require_positive(name: str, **sizes: int) -> None:
    """Raise ``SpecError`` if an option of the backbone ``name``, such as a width or a depth, is not positive."""
    for option, size in sizes.items():
        if size < 1:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(size), remedy="use at least 1")


def require_probability(name: str, **options: float) -> None:
    """Raise ``SpecError`` if an option of the backbone ``name``, such as a dropout, is not in [0, 1)."""
    for option, value in options.items():
        # false for NaN too
        if not 0 <= value < 1:
            raise SpecError(
                expected=f"{name}'s {option} from 0 up to (not including) 1", got=str(value), remedy="try 0.1"
            )


def require_reach(name: str, sizes: Sequence[int], **options: int) -> None:
    """Raise ``SpecError`` if a kernel size or a dilation is far larger than axes of these sizes: surely a mistake.

    Up to ``MAX_KERNEL`` it may exceed them, so that one spec serves small events, too: kernels are clipped.
    """
    largest = max(MAX_KERNEL, 2 * max(sizes, default=1) - 1)
    for option, size in options.items():
        if size > largest:
            raise SpecError(
                expected=f"{name}'s {option} of at most {largest} for axes of {' x '.join(map(str, sizes)) or '1'}",
                got=str(size),
                remedy="use a smaller one: weights outside of the event are never used",
            )


def max_examples_per_call(each: int, elements: int, device: torch.device) -> int:
    """The largest batch, at least 1, if every example takes ``each`` elements.

    On a CPU a call gets ``elements`` of them, which should fit its caches.
    """
    return max(1, (elements if device.type == "cpu" else ACCELERATOR_ELEMENTS_PER_CALL) // max(each, 1))
