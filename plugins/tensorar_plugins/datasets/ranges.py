"""Checks of options of datasets made in Python, where no spec was parsed."""

from __future__ import annotations

from tensorar import SpecError


def require_choice(dataset: str, option: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise ``SpecError`` for an option that is none of its choices."""
    if value not in choices:
        raise SpecError(
            expected=f"{option} of {dataset} to be one of {', '.join(map(str, choices))}",
            got=repr(value),
            remedy="choose one of these",
        )


def require_between(dataset: str, option: str, value: int | None, lowest: int, highest: int) -> None:
    """Raise ``SpecError`` for an option, if it is set, that is not in a range."""
    if value is not None and not lowest <= value <= highest:
        raise SpecError(
            expected=f"{option} of {dataset} to be from {lowest} to {highest}",
            got=str(value),
            remedy="choose such a number",
        )
