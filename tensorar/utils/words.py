"""Numbers in sentences."""

from __future__ import annotations


def counted(n: int, noun: str, nouns: str = "") -> str:
    """A number with its noun, in the plural (``nouns``, by default with an s) unless it is one.

    >>> counted(1, "event"), counted(2, "event"), counted(0, "class", "classes"), counted(1200, "step")
    ('1 event', '2 events', '0 classes', '1200 steps')
    """
    return f"{n} {noun if n == 1 else nouns or noun + 's'}"
