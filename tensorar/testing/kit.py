"""The checks of a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from tensorar.errors import SpecError
from tensorar.model import AutoregressiveModel
from tensorar.parts.part import Part
from tensorar.parts.spec import nearest
from tensorar.testing.check import QUICK, THOROUGH, BaseCheck, Check, Profile
from tensorar.testing.checks import CHECKS_BY_KIND
from tensorar.testing.kinds import Shape, kind_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import RegisteredCheck


def checks(
    part: type[Part] | type[AutoregressiveModel],
    /,
    *,
    expected_failures: Mapping[str, str] | None = None,
    profile: Literal["quick", "thorough"] | Profile = "quick",
    shapes: Sequence[Shape] | None = None,
    **options: Any,
) -> list[Check]:
    """The named checks of a part, to be called or given to ``pytest.mark.parametrize``. The base check comes first.

    ``options`` are those of the part; widths, depths and numbers of levels that are not set are made small. ``shapes``
    are the event shapes to try, for a part that takes few (default: any of up to 4 axes). ``expected_failures`` maps
    names of checks that must fail to the reason, in addition to the part's own ``expected_failures``.
    ``profile="thorough"`` tries many more cases, a ``Profile`` of your own as many as it says. All is deterministic.

    Raises ``SpecError`` for an unknown name or an empty reason in ``expected_failures``, or for something that is not a
    part.

    >>> from tensorar.testing.generate.reference_parts import Coin
    >>> [check.name for check in checks(Coin)[:2]]
    ['takes_what_it_declares', 'coded_values_come_back']
    >>> checks(Coin)[0].run().status
    'passed'
    """
    kind = kind_of(part)
    tested = PartUnderTest.small(part, options, shapes, _profile(kind, profile))
    applicable = _applicable(tested)
    expected = {**getattr(part, "expected_failures", {}), **(expected_failures or {})}
    _require_reasons(expected, kind, [check.name for check in applicable])
    base: Check | None = None
    found = []
    for registered in applicable:
        found.append(_check(registered, tested, expected.get(registered.name), base))
        base = found[-1] if registered.base else base
    return found


def _profile(kind: str, profile: str | Profile) -> Profile:
    if not isinstance(profile, Profile):
        profile = THOROUGH if profile == "thorough" else QUICK
    # models of the simplest parts are cheap, and the cases must include three kinds of orderings
    return replace(profile, examples=4 * profile.examples) if kind == "model" else profile


def _require_reasons(expected: Mapping[str, str], kind: str, known: Sequence[str]) -> None:
    for name, reason in expected.items():
        if name not in known:
            raise SpecError(expected=f"the name of a check of a {kind}", got=repr(name), remedy=nearest(name, known))
        if not reason.strip():
            raise SpecError(
                expected=f"the reason for which {name} fails", got="none", remedy="state why the failure is right"
            )


def _applicable(tested: PartUnderTest) -> list[RegisteredCheck]:
    """The checks that apply to a part, the base check first."""
    found = [check for check in CHECKS_BY_KIND[tested.kind].values() if check.when(tested.part)]
    return sorted(found, key=lambda check: not check.base)


def _check(registered: RegisteredCheck, tested: PartUnderTest, expected: str | None, base: Check | None) -> Check:
    return (BaseCheck if registered.base else Check)(
        registered.name,
        tested.kind,
        str(getattr(tested.part, "name", tested.part.__name__)),
        partial(registered.run, tested),
        expected_failure=expected,
        base=base if registered.needs_base else None,
    )
