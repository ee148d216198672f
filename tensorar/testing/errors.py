"""The only requirement of the kit, tested on import."""

from __future__ import annotations

from tensorar.errors import PluginError


class MissingHypothesisError(PluginError, ImportError):
    """Hypothesis is not installed."""

    def __init__(self) -> None:
        super().__init__(
            expected="the package hypothesis, which tensorar.testing needs",
            got="no such package",
            remedy="pip install 'tensorar[test]'",
        )


try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise MissingHypothesisError from error
