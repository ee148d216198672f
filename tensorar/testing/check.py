"""What a check is, how thoroughly it looks, and how it tells what it found."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

import torch

from tensorar.testing.errors import MissingHypothesisError
from tensorar.utils.random_state import seeded

try:
    from hypothesis import HealthCheck, Phase, Verbosity, given, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Flaky, HypothesisException, Unsatisfiable
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise MissingHypothesisError from error

T = TypeVar("T")
# of Hypothesis, where it is no type that can be looked at
Draw = Callable[..., Any]


class CheckFailed(AssertionError):  # noqa: N818 (a finding, told as one)
    """A part is not right: the smallest counterexample that was found, in words."""


@dataclass(frozen=True)
class Profile:
    """How thoroughly to look: drawn examples per check, and samples in a test of frequencies."""

    name: Literal["quick", "thorough"]
    examples: int
    draws: int


QUICK = Profile("quick", examples=8, draws=4_000)
THOROUGH = Profile("thorough", examples=150, draws=40_000)

# of a test of frequencies: with fixed seeds it either always passes or never, this says how surprising a failure is
LEVEL = 1e-4


class Check:
    """One named check of one part: call it, and it raises ``CheckFailed`` or says nothing.

    Where a failure is expected (for the reason given) the check must fail: one that passes is a failure.
    """

    def __init__(
        self, name: str, kind: str, part: str, run: Callable[[], None], expected_failure: str | None = None
    ) -> None:
        self.name, self.kind, self.part, self.expected_failure = name, kind, part, expected_failure
        # pytest takes the name of a test's case from here
        self.__name__ = name
        self._run = run

    def __repr__(self) -> str:
        return f"<check {self.name} of the {self.kind} {self.part!r}>"

    def __call__(self) -> None:
        """Run the check. Raises ``CheckFailed``."""
        __tracebackhide__ = True
        found = self._found()
        if self.expected_failure is None:
            if found is not None:
                raise found
        elif found is None:
            raise CheckFailed(f"{self.name} passed though expected to fail: {self.expected_failure}")

    def _found(self) -> CheckFailed | None:
        try:
            with undisturbed():
                self._run()
        except CheckFailed as error:
            # without the traceback through Hypothesis
            return _caused(CheckFailed(str(error)), error.__cause__)
        except Exception as error:
            return _caused(CheckFailed(told(error)), error)
        return None


def _caused(found: CheckFailed, cause: BaseException | None) -> CheckFailed:
    found.__cause__ = cause
    return found


def told(error: BaseException) -> str:
    """An error of a part in one line."""
    return f"raised {type(error).__name__}: {' '.join(str(error).split())}"


@contextmanager
def undisturbed() -> Iterator[None]:
    """The same noise for every check, and the caller's as it was."""
    state = random.getstate()
    with seeded(0):
        try:
            yield
        finally:
            random.setstate(state)


def composite(function: Callable[..., T]) -> Callable[..., SearchStrategy[T]]:
    """``st.composite`` for strategies that run checked code.

    Beartype draws from ``random`` which items it looks at, and Hypothesis wants that state untouched.
    """

    @wraps(function)
    def leaving_random_alone(*args: Any, **kwargs: Any) -> T:
        state = random.getstate()
        try:
            return function(*args, **kwargs)
        finally:
            random.setstate(state)

    return st.composite(leaving_random_alone)


def random_state() -> Any:
    """Torch's random state, such as no seed gives it: what seeds anew is seen to."""
    torch.rand(3)
    return torch.get_rng_state()


def for_all(cases: SearchStrategy[T], test: Callable[[T], None], *, examples: int) -> None:
    """Run a test on drawn cases. Raises ``CheckFailed`` for the smallest case that fails, named by its words."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @given(_drawn(cases))
    def run(case: Any) -> None:
        torch.manual_seed(0)
        try:
            test(case)
        except HypothesisException:
            raise
        except CheckFailed as error:
            raise CheckFailed(f"{error}{_words(case)}") from None
        except Exception as error:
            raise CheckFailed(f"{told(error)}{_words(case)}") from error

    try:
        run()
    except Unsatisfiable:
        raise CheckFailed("nothing to try: none of the shapes that were drawn is taken; name some in shapes=") from None
    except Flaky as error:
        raise CheckFailed("fails and does not fail for one and the same case: not deterministic") from error


@composite
def _drawn(draw: Draw, cases: SearchStrategy[T]) -> T:
    found: T = draw(cases)
    return found


def _words(case: object) -> str:
    words = getattr(case, "words", None)
    return f" ({words})" if words else ""
