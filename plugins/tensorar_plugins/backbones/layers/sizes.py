"""Widths and depths of networks, and how many examples they compute at once."""

from __future__ import annotations

from tensorar import SpecError

# numbers that keep an accelerator busy, and fit beside everything else
ACCELERATOR_NUMBERS_PER_CALL = 2**24


def require_positive(name, **sizes):
    """Raise ``SpecError`` for a width or a depth of the backbone ``name`` that is not positive."""
    for option, size in sizes.items():
        if size < 1:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(size), remedy="give 1 or more")


def max_examples_per_call(each, numbers, device):
    """How many examples of ``each`` numbers to compute at once: ``numbers`` stay in the caches of a CPU."""
    return max(1, (numbers if device.type == "cpu" else ACCELERATOR_NUMBERS_PER_CALL) // max(each, 1))
