"""The type checker of the import hook: beartype, with integers accepted as floats as by mypy.

It makes the checks of a function at its first call, not while modules are imported, where most would never be used.
Of each test the first calls are checked: a loop calls the same functions again and again, which takes most of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

CALLS_PER_TEST = 500
_decorate = beartype(conf=BeartypeConf(is_pep484_tower=True))
_calls = 0


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which checks the types of what it is called with."""
    checked: list[Callable[..., Any]] = []

    @wraps(function)
    def check_call(*arguments: Any, **options: Any) -> Any:
        global _calls
        _calls += 1
        if _calls == CALLS_PER_TEST:
            switch(on=False)
        if not checked:
            checked.append(_decorate(function))
        return checked[0](*arguments, **options)

    return check_call


def switch(*, on: bool) -> None:
    """Check the next calls, or none."""
    global _calls
    _calls = 0
    jaxtyping.config.update("jaxtyping_disable", not on)
