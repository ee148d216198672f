"""Check a part, or all parts of a file, with the conformance kit."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from unittest import SkipTest

from tensorar.errors import TensorarError
from tensorar.parts.registry import RegisteredPart, Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.workflows.find_parts import find_parts, parts_in_file

if TYPE_CHECKING:
    from tensorar.testing import Check

STORAGE = "HYPOTHESIS_STORAGE_DIRECTORY"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; ``reason`` is the counterexample of a failed check, or why a check was skipped."""

    part: str
    kind: str
    check: str
    status: Literal["passed", "failed", "skipped"]
    reason: str | None
    seconds: float


@dataclass(frozen=True)
class CheckReport:
    """The results of all checks of one or more parts."""

    results: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The failed checks."""
        return self.with_status("failed")

    def with_status(self, status: str) -> tuple[CheckResult, ...]:
        """The checks that ended with a status."""
        return tuple(result for result in self.results if result.status == status)


def check_part(
    name: str,
    *,
    thorough: bool = False,
    shapes: Sequence[tuple[int, ...]] | None = None,
    registry: Registry | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> CheckReport:
    """Check the part of a name or spec, or every part in a single-file plugin (``NAME.py``).

    ``thorough`` tries many more cases, ``shapes`` are the event shapes to try (default: any). ``progress(done, checks,
    check)`` is called before every check. Needs Hypothesis. Raises ``TensorarError`` when there is no such part, or
    its options are invalid.
    """
    registry = registry or default_registry()
    with _temporary_storage():
        found = list(_checks(registry, name, shapes, thorough))
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
    from tensorar.testing import CheckFailed

    started = time.perf_counter()
    status: Literal["passed", "failed", "skipped"] = "passed"
    reason = None
    try:
        check()
    except CheckFailed as error:
        status, reason = "failed", str(error)
    except SkipTest as skipped:
        status, reason = "skipped", str(skipped)
    seconds = round(time.perf_counter() - started, 3)
    return CheckResult(check.part, check.kind, check.name, status, reason, seconds)


def _checks(registry: Registry, name: str, shapes: Sequence[tuple[int, ...]] | None, thorough: bool) -> Iterator[Check]:
    # the kit needs Hypothesis, which is an optional dependency
    from tensorar.testing import checks

    for found, options in _parts(registry, name):
        yield from checks(found.part, profile="thorough" if thorough else "quick", shapes=shapes, **options)


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
