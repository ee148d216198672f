"""Other values of a part's options, found by their types."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from tensorar.testing.part_under_test import PartUnderTest


def choices(part: PartUnderTest) -> Iterator[dict[str, Any]]:
    """Each other value of each option that is a ``Literal`` or a ``bool``, unless the option was set."""
    for name, parameter in part.part.option_parameters().items():
        if name not in part.given:
            current = part.options.get(name, parameter.default)
            yield from ({name: value} for value in _listed(parameter.annotation) if value != current)


def other_values(part: PartUnderTest, option: str) -> list[Any]:
    """Values of an option to try instead of its own: none for a text or a path."""
    parameter: inspect.Parameter = part.part.option_parameters()[option]
    current = part.options.get(option, parameter.default)
    found = _listed(parameter.annotation)
    types = _types(parameter.annotation)
    if int in types:
        found += _whole_numbers(current)
    if float in types:
        found += [0.5, 0.25]
    if any(get_origin(kind) is tuple for kind in types):
        found += [(2,), (0,), (1,)]
    return [value for value in found if value != current or type(value) is not type(current)]


def dropouts(part: PartUnderTest, rate: float) -> dict[str, Any]:
    """The options that are probabilities of dropping, at a rate, as far as they were not set."""
    names = [k for k, p in part.part.option_parameters().items() if "drop" in k and float in _types(p.annotation)]
    return {name: rate for name in names if name not in part.given}


def _types(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _listed(annotation: Any) -> list[Any]:
    """The values of a ``Literal`` or a ``bool``, also in a union."""
    if annotation is bool:
        return [False, True]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for kind in _types(annotation) if kind is not annotation for value in _listed(kind)]


def _whole_numbers(current: Any) -> list[int]:
    # some options are odd, or divide others
    near = current if type(current) is int else 1
    return [near + 1, near + 2, 2 * near, 1]
