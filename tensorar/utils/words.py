"""Numbers in sentences."""

from __future__ import annotations


def counted(n: int, noun: str, nouns: str = "") -> str:
    """A number with its noun, in the plural (``nouns``, by default with an s) unless it is one.

    >>> counted(1, "event"), counted(2, "event"), counted(0, "class", "classes"), counted(1200, "step")
    ('1 event', '2 events', '0 classes', '1200 steps')
    """
    return f"{n} {noun if n == 1 else nouns or noun + 's'}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> duration(0.0123), duration(75), duration(6000), duration(3e5), duration(3e7)
    ('0.012 s', '1.2 min', '1.7 h', '3.5 days', '347 days')
    """
    units = ((86_400, "days"), (3600, "h"), (60, "min"), (0, "s"))
    size, unit = next(pair for pair in units if seconds >= pair[0])
    number = seconds / (size or 1)
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.2g} {unit}"
