"""Blank arguments, as from an unset variable of a script, are refused for all commands and options."""

from __future__ import annotations

import re
from collections.abc import Sequence

ASSIGNMENT = re.compile(r"(?P<option>--[\w-]+)=(?P<value>\s*)")


def blank_argument(arguments: Sequence[str]) -> str | None:
    """The error for an argument, or an option's value, with nothing but spaces; None if there is none.

    A blank path would mean the current folder, and a blank name that none was given.
    """
    for before, argument in zip(("", *arguments), arguments, strict=False):
        assignment = ASSIGNMENT.fullmatch(argument)
        option, value = assignment.groups() if assignment else (before, argument)
        if value.strip():
            continue
        after = f" after {option}" if option else ""
        return f"expected arguments that are not blank, got {value!r}{after}; leave it out, or give a value"
    return None
