"""The decorator that registers a function as a check of some kinds of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tensorar.errors import PluginError
from tensorar.testing.kinds import KINDS
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.results import CheckFailed, CheckSkipped

Test = Callable[[PartUnderTest], None]
CheckDecorator = Callable[[Test], Test]


@dataclass(frozen=True)
class RegisteredCheck:
    """A check, and what it applies to.

    ``when`` decides by class whether a part is checked. ``base`` marks the check that the others of its kind depend on:
    if it fails they are skipped, except for those with ``needs_base=False``. ``by_kind`` marks the checks of heads that
    are of one distribution: they are run for each kind of coefficients of a head that is made of several.
    """

    name: str
    test: Test
    when: Callable[[type], bool]
    base: bool
    needs_base: bool
    by_kind: bool

    def run(self, part: PartUnderTest) -> None:
        """Run the check of a part. Raises ``CheckFailed`` or ``CheckSkipped``."""
        kinds = part.by_kind() if self.by_kind else [part]
        if len(kinds) == 1:
            self.test(kinds[0])
            return
        skipped = []
        for k, one in enumerate(kinds):
            try:
                self.test(one)
            except CheckFailed as failed:
                raise CheckFailed(f"{failed} (kind {k} of coefficients, head {one.instance.name})") from failed
            except CheckSkipped as reason:
                skipped.append(reason)
        if len(skipped) == len(kinds):
            raise skipped[0]


CHECKS_BY_KIND: dict[str, dict[str, RegisteredCheck]] = {kind: {} for kind in KINDS.values()}


def check(
    *kinds: str,
    name: str | None = None,
    when: Callable[[type], bool] = lambda part: True,
    base: bool = False,
    needs_base: bool = True,
    by_kind: bool = False,
) -> CheckDecorator:
    """Register a function of a ``PartUnderTest`` as a check of parts of these kinds, by its own name if none is given.

    The function returns nothing, raises ``CheckFailed`` with a counterexample, or ``CheckSkipped`` with the reason.
    Raises ``PluginError`` for a second check of a name or a second base.
    """

    def register(test: Test) -> Test:
        registered = RegisteredCheck(name or test.__name__, test, when, base, needs_base and not base, by_kind)
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
