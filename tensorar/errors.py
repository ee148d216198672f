"""Errors that a user can cause. Each is one line: what was expected, what came instead, and a remedy."""

from __future__ import annotations


class TensorarError(ValueError):
    """Invalid input from the user: ``expected ..., got ...; remedy``."""

    def __init__(self, *, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"expected {expected}, got {got}; {remedy}")


class ShapeError(TensorarError):
    """A tensor or an event has a shape that the operation does not accept."""


class SupportError(TensorarError):
    """Data contain values to which a head assigns no probability: the first is at ``place``, (event, coefficient)."""

    def __init__(self, *, expected: str, got: str, remedy: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(expected=expected, got=got, remedy=remedy)
        self.place = place

    def named(self, place: str) -> SupportError:
        """The same error that names the place in the data's own words, in place of the event's number."""
        number = "" if self.place is None else f"event {self.place[0]}"
        expected = f"{place}{self.expected.removeprefix(number)}"
        return SupportError(expected=expected, got=self.got, remedy=self.remedy, place=self.place)


class SpecError(TensorarError):
    """A part spec is malformed, or names an unknown part or option."""


class PluginError(TensorarError):
    """A plugin is broken or missing, or uses a name that another plugin has taken."""


class NumericalError(TensorarError):
    """A computation gave NaN or infinity: weights, or values, are out of the range that floating point covers."""


class DataError(TensorarError):
    """A dataset cannot be read: it is missing, truncated, empty or of the wrong kind."""


class RunError(TensorarError):
    """A run folder cannot be read or written."""
