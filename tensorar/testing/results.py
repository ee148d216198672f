"""Results of checks."""

from __future__ import annotations

import unittest
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "failed", "skipped", "expected_failure"]


class CheckFailed(AssertionError):  # noqa: N818 (a finding rather than an error)
    """A part breaks its contract: the smallest counterexample found, in words."""


class CheckSkipped(unittest.SkipTest):
    """A check has nothing to test, for the reason given. Test runners report ``unittest.SkipTest`` as skipped."""


@dataclass(frozen=True)
class Result:
    """The outcome of a check.

    ``reason`` is the counterexample of a failure, why the check was skipped, or why its failure was expected; ``cause``
    is the part's own error.
    """

    status: Status
    reason: str = ""
    cause: BaseException | None = None


def describe_error(error: BaseException) -> str:
    """Format an error of a part in one line.

    >>> describe_error(ValueError("too large"))
    'raised ValueError: too large'
    """
    return f"raised {type(error).__name__}: {' '.join(str(error).split())}"
