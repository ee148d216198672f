"""What the kit says where its one requirement is missing."""

from __future__ import annotations

from tensorar.errors import PluginError


class MissingHypothesisError(PluginError, ImportError):
    """The kit is used where Hypothesis is not installed."""

    def __init__(self) -> None:
        super().__init__(
            expected="the package hypothesis, which the checks are made with",
            got="none installed",
            remedy="pip install 'tensorar[test]'",
        )
