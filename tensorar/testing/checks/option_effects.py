"""Whether options have an effect, for parts that are made from options alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tensorar.errors import TensorarError
from tensorar.testing.generate.option_values import other_values, with_each_choice, with_option, written
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.results import CheckFailed, CheckSkipped


def require_effects(
    part: PartUnderTest, options: Sequence[str], results: Callable[[PartUnderTest], Any], *, values: int | None = None
) -> None:
    """Require that another value of each option changes the results, with the choices of the other options too.

    ``values`` limits how many are tried. Raises ``CheckSkipped`` if there are none.
    """
    undecided = [option for option in options if other_values(part, option)]
    if not undecided:
        raise CheckSkipped("no option has other values to try")
    for _, setting in with_each_choice(part):
        with suppress(TensorarError):  # such as a choice that needs other files
            own = results(setting)
            undecided = [option for option in undecided if not _differs(setting, option, results, own, values)]
        if not undecided:
            return
    tried = [written({undecided[0]: value}) for value in other_values(part, undecided[0])[:values]]
    raise CheckFailed(f"the option {undecided[0]} has no effect (tried {', '.join(tried)})")


def _differs(
    part: PartUnderTest, option: str, results: Callable[[PartUnderTest], Any], own: Any, values: int | None
) -> bool:
    """Whether another value of an option changes the results, or is refused."""
    for value in other_values(part, option)[:values]:
        try:
            if results(with_option(part, option, value)) != own:
                return True
        except Exception:  # refusing a value depends on it, too
            return True
    return False
