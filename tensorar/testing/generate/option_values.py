"""Other values of a part's options: every choice, and a neighbor of a number."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from tensorar.errors import TensorarError
from tensorar.testing.part_under_test import PartUnderTest


def with_each_choice(part: PartUnderTest) -> Iterator[tuple[str, PartUnderTest]]:
    """The part as it is, and with each other value of each ``Literal`` and ``bool`` option, described as in a spec.

    For a part that is made from options alone; combinations that it refuses are left out.
    """
    yield "", part
    for option, parameter in part.part.option_parameters().items():
        for value in _choices(parameter.annotation):
            variant = with_option(part, option, value)
            if value != _current(part, option, parameter) and is_valid(variant):
                yield f"{option}={value}", variant


def with_option(part: PartUnderTest, option: str, value: Any) -> PartUnderTest:
    """The part with another value of an option."""
    return replace(part, options=part.options | {option: value})


def is_valid(part: PartUnderTest) -> bool:
    """Whether a part that is made from options alone takes its options."""
    try:
        part.make()
    except TensorarError:
        return False
    return True


def other_values(part: PartUnderTest, option: str) -> list[Any]:
    """Values of an option other than its own, which should make a difference; empty for text and paths."""
    parameter = part.part.option_parameters()[option]
    current = _current(part, option, parameter)
    found = [value for kind in _kinds(parameter.annotation) for value in _values(kind, current)]
    return [value for value in found if value != current]


def _values(kind: Any, current: Any) -> list[Any]:
    if kind in (str, Path):
        return []
    if kind is bool or get_origin(kind) is Literal:
        return _choices(kind)
    number = current if type(current) in (int, float) else 0
    if kind is int:
        # small ones too, which make a difference in small shapes
        return [number + 1, number + 2, max(number - 1, 1), 1, 2, 3]
    if kind is float:
        return [number / 2, number * 1.5, number + 0.125]
    return [(1, 0), (0,), (1,), (2, 1, 0)] if get_origin(kind) is tuple and int in get_args(kind) else []


def _choices(annotation: Any) -> list[Any]:
    """The values of ``Literal`` and ``bool`` types, in unions too."""
    found: list[Any] = []
    for kind in _kinds(annotation):
        found += list(get_args(kind)) if get_origin(kind) is Literal else [False, True] if kind is bool else []
    return found


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _current(part: PartUnderTest, option: str, parameter: inspect.Parameter) -> Any:
    return part.options.get(option, parameter.default)
