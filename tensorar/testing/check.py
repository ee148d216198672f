"""A check of one part, and how thoroughly it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tensorar.testing.random_state import preserved_random_state
from tensorar.testing.results import CheckFailed, CheckSkipped, Result, describe_error


@dataclass(frozen=True)
class Profile:
    """The number of generated examples per check, and of samples in a test of frequencies."""

    name: Literal["quick", "thorough"]
    examples: int
    draws: int


QUICK = Profile("quick", examples=8, draws=4_000)
THOROUGH = Profile("thorough", examples=150, draws=40_000)


class Check:
    """One named check of one part. Call it, or run it for a ``Result``.

    A check with an expected failure (the reason is given) must fail: passing or being skipped is a failure, as with
    pytest's ``xfail_strict``. ``base`` is the check on which the others of the part depend: they are skipped where it
    fails.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        part: str,
        test: Callable[[], None],
        *,
        expected_failure: str | None = None,
        base: Check | None = None,
    ) -> None:
        self.name, self.kind, self.part, self.expected_failure = name, kind, part, expected_failure
        # pytest takes the id of a parametrized test from here
        self.__name__ = name
        self._test, self._base = test, base

    def __repr__(self) -> str:
        return f"<check {self.name} of the {self.kind} {self.part!r}>"

    def __call__(self) -> None:
        """Run the check. Raises ``CheckFailed``, or ``CheckSkipped`` where there is nothing to test.

        Returns None if the check passes, or fails as expected.
        """
        __tracebackhide__ = True
        result = self.run()
        if result.status == "failed":
            # without the traceback through Hypothesis
            raise CheckFailed(result.reason) from result.cause
        if result.status == "skipped":
            raise CheckSkipped(result.reason)

    def run(self) -> Result:
        """Run the check, and return what came of it."""
        found = self._outcome()
        if self.expected_failure is None:
            return found
        if found.status == "failed":
            return Result("expected_failure", self.expected_failure, found.cause)
        why = f" ({found.reason})" if found.reason else ""
        return Result(
            "failed", f"{self.name} {_PAST[found.status]}{why} although expected to fail: {self.expected_failure}"
        )

    def _outcome(self) -> Result:
        if self._base is not None and self._base._outcome().status == "failed":
            return Result("skipped", f"the {self.kind} does not take what it declares (see {self._base.name})")
        try:
            with preserved_random_state():
                self._test()
        except CheckSkipped as skipped:
            return Result("skipped", str(skipped))
        except CheckFailed as failed:
            return Result("failed", str(failed), failed.__cause__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a part may call sys.exit
            return Result("failed", describe_error(error), error)
        return Result("passed")


_PAST = {"passed": "passed", "skipped": "was skipped"}


class BaseCheck(Check):
    """The check on which the others of a part depend. It is run once."""

    _known: Result | None = None

    def _outcome(self) -> Result:
        self._known = self._known or super()._outcome()
        return self._known
