"""Checks of widths and depths."""

from __future__ import annotations

from tensorar import SpecError


def require_positive(name, **sizes):
    """Raise ``SpecError`` for a width or a depth of the backbone ``name`` that is not positive."""
    for option, size in sizes.items():
        if size < 1:
            raise SpecError(expected=f"{name}'s {option} to be positive", got=str(size), remedy="give 1 or more")
