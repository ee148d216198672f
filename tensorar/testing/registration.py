"""The decorator that registers a function as a check of some kinds of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tensorar.errors import PluginError
from tensorar.testing.kinds import KINDS
from tensorar.testing.part_under_test import PartUnderTest

Test = Callable[[PartUnderTest], None]
CheckDecorator = Callable[[Test], Test]


@dataclass(frozen=True)
class RegisteredCheck:
    """A check, and what it applies to.

    ``when`` decides by class whether a part is checked. ``base`` marks the check that the others of its kind depend on:
    if it fails they are skipped, except for those with ``needs_base=False``.
    """

    name: str
    test: Test
    when: Callable[[type], bool]
    base: bool
    needs_base: bool


CHECKS_BY_KIND: dict[str, dict[str, RegisteredCheck]] = {kind: {} for kind in KINDS.values()}


def check(
    *kinds: str,
    name: str | None = None,
    when: Callable[[type], bool] = lambda part: True,
    base: bool = False,
    needs_base: bool = True,
) -> CheckDecorator:
    """Register a function of a ``PartUnderTest`` as a check of parts of these kinds, by its own name if none is given.

    The function returns nothing, raises ``CheckFailed`` with a counterexample, or ``CheckSkipped`` with the reason.
    Raises ``PluginError`` for a second check of a name or a second base.
    """

    def register(test: Test) -> Test:
        registered = RegisteredCheck(name or test.__name__, test, when, base, needs_base and not base)
        for kind in kinds:
            _add(kind, registered)
        return test

    return register


def _add(kind: str, check: RegisteredCheck) -> None:
    known = CHECKS_BY_KIND[kind]
    if check.name in known or (check.base and any(other.base for other in known.values())):
        raise PluginError(
            expected=f"one {'base ' if check.base else ''}check {check.name!r} of a {kind}",
            got="two",
            remedy="rename one of them",
        )
    known[check.name] = check
