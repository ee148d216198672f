"""Check a part, or all parts of a file, with the conformance kit."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tensorar.errors import SpecError, TensorarError
from tensorar.parts.registry import RegisteredPart, Registry, default_registry
from tensorar.parts.spec import PartSpec, nearest
from tensorar.workflows.find_parts import find_parts, parts_in_file

if TYPE_CHECKING:
    from tensorar.testing import Check
    from tensorar.testing.results import Status

STORAGE = "HYPOTHESIS_STORAGE_DIRECTORY"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    ``reason`` is the counterexample of a failed check, why a check was skipped, or why a failure was expected.
    """

    part: str
    kind: str
    check: str
    status: Status
    reason: str | None
    seconds: float


@dataclass(frozen=True)
class CheckReport:
    """The results of all checks of one or more parts."""

    results: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The failed checks."""
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def counts(self) -> dict[Status, int]:
        """The number of checks with each status."""
        found = [result.status for result in self.results]
        statuses: tuple[Status, ...] = ("passed", "failed", "skipped", "expected_failure")
        return {status: found.count(status) for status in statuses}


def check_part(
    name: str,
    *,
    thorough: bool = False,
    shapes: Sequence[tuple[int, ...]] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> CheckReport:
    """Check the part of a name or spec, or every part in a single-file plugin (``NAME.py``).

    ``thorough`` tries many more cases, ``shapes`` are the event shapes to try (default: any). ``expected_failures``
    maps names of checks that must fail to the reason, for every part with a check of that name. ``progress(done,
    checks, check)`` is called before every check. Needs Hypothesis. Raises ``TensorarError`` when there is no such
    part, its options are invalid, or an expected failure is of no check or has no reason.
    """
    registry = registry or default_registry()
    with _temporary_storage():
        found = list(_checks(registry, name, shapes, thorough, expected_failures or {}))
        results = []
        for done, check in enumerate(found):
            if progress is not None:
                progress(done, len(found), f"{check.part}: {check.name}")
            results.append(_run(check))
    return CheckReport(tuple(results))


@contextmanager
def _temporary_storage() -> Iterator[None]:
    """Keep Hypothesis from writing to the current folder."""
    before = os.environ.get(STORAGE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[STORAGE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[STORAGE]
            else:
                os.environ[STORAGE] = before


def _run(check: Check) -> CheckResult:
    started = time.perf_counter()
    result = check.run()
    seconds = round(time.perf_counter() - started, 3)
    return CheckResult(check.part, check.kind, check.name, result.status, result.reason or None, seconds)


def _checks(
    registry: Registry,
    name: str,
    shapes: Sequence[tuple[int, ...]] | None,
    thorough: bool,
    expected_failures: Mapping[str, str],
) -> Iterator[Check]:
    # the kit needs Hypothesis, which is an optional dependency
    from tensorar.testing import checks

    parts = list(_parts(registry, name))
    names = [{check.name for check in checks(found.part, **options)} for found, options in parts]
    _require_known(expected_failures, sorted(set().union(*names)))
    for (found, options), known in zip(parts, names, strict=True):
        expected = {check: reason for check, reason in expected_failures.items() if check in known}
        profile: Literal["quick", "thorough"] = "thorough" if thorough else "quick"
        yield from checks(found.part, expected_failures=expected, profile=profile, shapes=shapes, **options)


def _require_known(expected_failures: Mapping[str, str], known: Sequence[str]) -> None:
    for check in expected_failures:
        if check not in known:
            raise SpecError(expected="the name of a check", got=repr(check), remedy=nearest(check, known))


def _parts(registry: Registry, name: str) -> Iterator[tuple[RegisteredPart, dict[str, Any]]]:
    """The parts to check, each with the options of the spec."""
    if name.endswith(".py"):
        yield from ((found, {}) for found in parts_in_file(registry, name))
        return
    spec = PartSpec.parse(name)
    for kind, found in find_parts(registry, spec.name):
        if kind == "recipe":
            raise TensorarError(
                expected="the name of an ordering, head, backbone or dataset",
                got=f"the recipe {spec.name!r}",
                remedy="check the parts of the recipe",
            )
        registry.check(kind, spec)
        yield found, registry.options(kind, spec)
