"""Other values of a part's options, found by their types."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, Union, get_args, get_origin

from tensorar.errors import TensorarError
from tensorar.parts.part import Part, Value, option_name, part_kind
from tensorar.parts.spec import PartSpec
from tensorar.testing.generate.reference_parts import Backwards
from tensorar.testing.part_under_test import PartUnderTest


def choices(part: PartUnderTest) -> Iterator[tuple[str, Any]]:
    """Each option that is a ``Literal`` or a ``bool``, with each of its other values."""
    for option in part.part.option_parameters():
        listed = [value for kind in option_types(part, option) for value in _listed(kind)]
        yield from ((option, value) for value in listed if not _same(value, _current(part, option)))


def with_each_choice(part: PartUnderTest) -> Iterator[tuple[str, PartUnderTest]]:
    """The part as it is, and with each other value of each ``Literal`` and ``bool`` option, described as in a spec.

    For a part that is made from options alone; combinations that it refuses are left out.
    """
    yield "", part
    for option, value in choices(part):
        variant = with_option(part, option, value)
        if _is_valid(variant):
            yield written({option: value}), variant


def with_each_option(part: PartUnderTest, values: int) -> list[PartUnderTest]:
    """The part with some other values of each option, one at a time, without those that are refused."""
    names = part.part.option_parameters()
    variants = [with_option(part, name, value) for name in names for value in other_values(part, name)[:values]]
    return [variant for variant in variants if _is_valid(variant)]


def with_option(part: PartUnderTest, option: str, value: Any) -> PartUnderTest:
    """The part with another value of an option."""
    return replace(part, options=part.options | {option: value})


def other_values(part: PartUnderTest, option: str) -> list[Any]:
    """Values of an option other than its own, which should make a difference; none for text and paths."""
    current = _current(part, option)
    found: list[Any] = []
    for kind in option_types(part, option):
        for value in _values(kind, current):
            if not any(_same(value, known) for known in (current, *found)):
                found.append(value)
    return found


def dropouts(part: PartUnderTest, rate: float) -> dict[str, Any]:
    """The options that are probabilities of dropping, at a rate, as far as they were not set."""
    names = [name for name in part.part.option_parameters() if "drop" in name and float in option_types(part, name)]
    return {name: rate for name in names if name not in part.given}


def option_types(part: PartUnderTest, option: str) -> tuple[Any, ...]:
    """The members of the type of an option if it is a union, or the type itself."""
    annotation = part.part.option_parameters()[option].annotation
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def written(options: Mapping[str, Any]) -> str:
    """Options as in a spec."""
    return ",".join(f"{name}={_word(value)}" for name, value in options.items())


def _word(value: Any) -> str:
    found = _value(value)
    return str(found).lower() if isinstance(found, bool) else str(found)


def spec_of(part: Part) -> PartSpec:
    """The spec that makes a part of options alone, with those that differ from its defaults."""
    parameters = part.option_parameters().items()
    own = {name: getattr(part, name) for name, parameter in parameters if getattr(part, name) != parameter.default}
    return PartSpec(part.name, spec_options(own))


def spec_options(options: Mapping[str, Any]) -> dict[str, Value]:
    """Options as a spec contains them."""
    return {option_name(name): _value(value) for name, value in options.items() if value is not None}


def _value(value: Any) -> Value:
    if isinstance(value, tuple) and value and isinstance(value[0], Part):
        return "; ".join(str(spec_of(part)) for part in value)
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return value if isinstance(value, bool | int | float) else str(spec_of(value) if isinstance(value, Part) else value)


def _values(kind: Any, current: Any) -> list[Any]:
    if kind is type(None):
        return [None]
    if kind is int:
        n = current if type(current) is int else 1
        # some options are odd or divide others, and some matter in small shapes only if they are small
        return [n + 1, n + 2, 2 * n, max(n - 1, 1), 1, 2, 3, 5, 7]
    if kind is float:
        x = current if type(current) in (int, float) else 0
        return [x / 2, x * 1.5, 0.5, 0.25, x + 0.125, 2.0, 0.1, 10.0, -1.0]
    if get_origin(kind) is tuple and int in get_args(kind):
        return [(2,), (0,), (1,), (1, 0), (2, 1, 0)]
    if part_kind(kind) == "ordering":
        return [Backwards()]
    return _listed(kind)


def _listed(kind: Any) -> list[Any]:
    return list(get_args(kind)) if get_origin(kind) is Literal else [False, True] if kind is bool else []


def _current(part: PartUnderTest, option: str) -> Any:
    return part.options.get(option, part.part.option_parameters()[option].default)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal: False and 0 are not."""
    return type(one) is type(other) and bool(one == other)


def _is_valid(part: PartUnderTest) -> bool:
    """Whether a part that is made from options alone takes its options."""
    try:
        part.make()
    except TensorarError:
        return False
    return True
