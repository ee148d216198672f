"""Every error a user can cause, each told in one line: what was expected, what came, what to do."""

from __future__ import annotations


class TensorarError(ValueError):
    """A mistake in what the user typed or fed: ``expected ..., got ...; remedy``."""

    def __init__(self, *, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"expected {expected}, got {got}; {remedy}")


class ShapeError(TensorarError):
    """A tensor or an event has a shape that the operation does not take."""


class SupportError(TensorarError):
    """Data holds values to which a head gives no probability."""


class SpecError(TensorarError):
    """A part spec is malformed, or names an unknown part or option."""


class PluginError(TensorarError):
    """A plugin is broken, missing, or claims a name that another plugin has."""


class DataError(TensorarError):
    """A dataset cannot be read: missing, truncated, empty or of the wrong kind."""


class RunError(TensorarError):
    """A run folder cannot be read or written."""
