"""Properties tested on generated cases: Hypothesis with the kit's settings and messages."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeVar
from unittest import mock

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisException, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error
from tensorar.utils.random_state import seed_all

T = TypeVar("T")
# Hypothesis does not export this type
Draw = Callable[..., Any]


def composite(function: Callable[..., T]) -> Callable[..., SearchStrategy[T]]:
    """``st.composite`` for strategies that run checked code.

    Beartype uses ``random`` to choose which items to check, and Hypothesis requires that state to be unchanged.
    """

    @wraps(function)
    def with_random_restored(*args: Any, **kwargs: Any) -> T:
        state = random.getstate()
        try:
            return function(*args, **kwargs)
        finally:
            random.setstate(state)

    return st.composite(with_random_restored)


def for_all(cases: SearchStrategy[T], test: Callable[[T], None], *, examples: int) -> None:
    """Run a test on generated cases.

    A test may raise ``CheckSkipped`` for a case that it does not apply to. Raises ``CheckFailed`` with the description
    of the smallest case that fails, and ``CheckSkipped`` where no case could be tested.
    """
    skipped: list[str] = []
    tested = False

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
    @given(_restoring_random(cases))
    def run(case: Any) -> None:
        nonlocal tested
        try:
            _run_case(test, case)
        except CheckSkipped as reason:
            skipped.append(str(reason))
        else:
            tested = True

    try:
        with _no_constants_from_source():
            run()
    except Unsatisfiable:
        raise CheckSkipped("no generated shape is accepted; name some in shapes=") from None
    except Flaky as error:
        raise CheckFailed("fails and passes for the same case: not deterministic") from error
    if not tested:
        raise CheckSkipped(skipped[0])


def _no_constants_from_source() -> AbstractContextManager[object]:
    """Keep Hypothesis from the constants in the source of modules that are not installed.

    Reading them all takes a second, and the cases would depend on how tensorar is installed. There is no setting for
    it; versions of Hypothesis without these private names run as they are.
    """
    try:
        from hypothesis.internal.conjecture import providers
        from hypothesis.internal.constants_ast import Constants
    except ImportError:
        return nullcontext()
    # of the constants of either kind of test, none may reach the other by the cache
    return mock.patch.multiple(providers, create=True, _get_local_constants=Constants, CONSTANTS_CACHE={})


def _run_case(test: Callable[[T], None], case: T) -> None:
    seed_all(0)
    try:
        test(case)
    except (HypothesisException, CheckSkipped):
        raise
    except CheckFailed as error:
        raise CheckFailed(f"{error}{_description(case)}") from None
    except Exception as error:
        raise CheckFailed(f"{describe_error(error)}{_description(case)}") from error


@composite
def _restoring_random(draw: Draw, cases: SearchStrategy[T]) -> T:
    drawn: T = draw(cases)
    return drawn


def _description(case: object) -> str:
    description = getattr(case, "description", None)
    return f" ({description})" if description else ""
