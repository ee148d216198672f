"""How long something takes, by timings that a first call or other processes may have made longer: the least of some."""

from __future__ import annotations

from collections.abc import Callable


def least_seconds(timing: Callable[[], float], *, enough: float) -> float:
    """The least of two timings, or of three unless one of the two is at most ``enough``."""
    least = min(timing(), timing())
    return least if least <= enough else min(least, timing())


def seconds_of_all(
    timing: Callable[[int], float], count: int, *, one: float, tried: int, some: float, budget: float
) -> float:
    """The seconds of ``count`` things at once, by timings of fewer where all should take longer than ``budget``.

    ``one`` and ``some`` are the first timings of one and of ``tried`` things; ``timing(n)`` is another one, of ``n``.
    What takes longer than the budget is timed once more at most, and all of it only if it took longer than one by one.
    """
    slow = some > budget and some <= tried * one and 2 * tried > count
    if not slow and (tried == count or _extrapolated(count, one, tried, some) > budget):
        one = min(one, timing(1))
        for _ in range(1 if some > budget else 2):
            some = min(some, timing(tried))
    while tried < count:
        expected = _extrapolated(count, one, tried, some)
        more = count if expected <= budget else min(count, _within(budget / 4, one, tried, some))
        if more < count and more < 2 * tried:
            return expected
        some = least_seconds(lambda n=more: timing(n), enough=_extrapolated(more, one, tried, some))  # type: ignore[misc]
        tried = more
    return some


def _each(one: float, tried: int, some: float) -> float:
    return max(0.0, some - one) / max(1, tried - 1)


def _extrapolated(count: int, one: float, tried: int, some: float) -> float:
    return some + _each(one, tried, some) * (count - tried)


def _within(seconds: float, one: float, tried: int, some: float) -> int:
    """How many things take so many seconds."""
    return tried + int(max(0.0, seconds - some) / max(_each(one, tried, some), 1e-9))
