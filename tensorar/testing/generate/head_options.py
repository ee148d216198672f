"""Other options of a head: its defaults, every choice both ways, and other values of each option."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.part_under_test import PartUnderTest

# coefficients that a head is checked for unless shapes are given: the first ones, and some of a large event
COEFFICIENTS = (0, 1, 2, 3, 45, 198)
# values that are tried for an option of a type, in this order
OTHER_INTEGERS = (2, 3, 5, 7)
OTHER_NUMBERS = (0.5, 2.0, 0.1, 10.0, -1.0)


@dataclass(frozen=True)
class Variant:
    """A head with some of its options."""

    head: Head
    options: Mapping[str, Any]

    @property
    def description(self) -> str:
        """The options as in a spec."""
        return ",".join(f"{name}={value}" for name, value in self.options.items()) or "default options"


def variants(part: PartUnderTest) -> list[Variant]:
    """The head with small options, with its defaults, and with each choice of an option (bool, Literal, or none).

    Options that were given stay as they are.
    """
    found = small_and_default(part)
    for option in part.part.option_parameters().keys() - part.given.keys():
        for value in _choices(part, option):
            with suppress(Exception):
                options = {**part.options, option: value}
                found.append(Variant(part.part(**options), options))
                if value is not None and not isinstance(value, bool | str):
                    break
    return found


def small_and_default(part: PartUnderTest) -> list[Variant]:
    """The head with small options, and with its defaults if these are others."""
    small = Variant(part.instance, part.options)
    return [small] if part.given == part.options else [small, Variant(part.part(**part.given), part.given)]


def coefficients_of(part: PartUnderTest) -> Tensor:
    """Flat indices of coefficients that the head is checked for: ascending, the first is 0."""
    if part.shapes is None:
        return torch.tensor(COEFFICIENTS)
    return torch.arange(min(math.prod(shape) for shape in part.shapes))


def repeated_coefficients(part: PartUnderTest, n: int) -> Tensor:
    """The same indices repeated until there are ``n``."""
    known = coefficients_of(part)
    return known[torch.arange(n) % len(known)]


def other_values(part: PartUnderTest, option: str) -> Iterator[Any]:
    """Values of an option other than its default, of any of its types."""
    parameter = part.part.option_parameters()[option]
    union = get_origin(parameter.annotation) in (Union, types.UnionType)
    for annotation in get_args(parameter.annotation) if union else (parameter.annotation,):
        yield from (value for value in _values(annotation) if value != parameter.default)


def _values(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) is tuple:
        return tuple((value,) for value in _values(get_args(annotation)[0]))
    by_type: dict[Any, tuple[Any, ...]] = {bool: (False, True), int: OTHER_INTEGERS, float: OTHER_NUMBERS}
    return (None,) if annotation is type(None) else by_type.get(annotation, ())


def _choices(part: PartUnderTest, option: str) -> Iterator[Any]:
    annotation = part.part.option_parameters()[option].annotation
    kinds = get_args(annotation) or (annotation,)
    return other_values(part, option) if bool in kinds or type(None) in kinds or _is_literal(annotation) else iter(())


def _is_literal(annotation: Any) -> bool:
    return any(get_origin(one) is Literal for one in (annotation, *get_args(annotation)))
