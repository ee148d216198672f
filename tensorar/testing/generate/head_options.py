"""Other options of a head: its defaults, every choice both ways, and other values of each option."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.head import Head
from tensorar.testing.generate.option_values import choices, option_types, other_values, written
from tensorar.testing.generate.values import values_of
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest

# coefficients that a head is checked for unless shapes are given: the first ones, and some of a large event
COEFFICIENTS = (0, 1, 2, 3, 45, 198)


@dataclass(frozen=True)
class Variant:
    """A head with some of its options."""

    head: Head
    options: Mapping[str, Any]
    state: str = ""

    @property
    def description(self) -> str:
        """The options as in a spec, and whether the head is fitted to data."""
        return f"{written(self.options) or 'default options'} {self.state}".strip()


def variants(part: PartUnderTest) -> list[Variant]:
    """The head with small options, with its defaults, and with each choice of an option (bool, Literal, or none).

    Options that were given stay as they are. A head that takes numbers from data comes with such numbers, too.
    """
    found = small_and_default(part)
    of_data = fitted(part)
    if of_data.data_state():
        found.append(Variant(of_data, part.options, "fitted to data"))
    for option in part.part.option_parameters():
        if option not in part.given:
            found += _with_each_choice(part, option)
    return found


def small_and_default(part: PartUnderTest) -> list[Variant]:
    """The head with small options, and with its defaults if these are others."""
    small = Variant(usable(part.instance, part), part.options)
    if part.given == part.options:
        return [small]
    return [small, Variant(usable(part.make(part.given), part), part.given)]


def fitted(part: PartUnderTest) -> Head:
    """The head with small options and what it takes from data, of as many coefficients as are checked."""
    head: Head = part.instance
    count = int(coefficients_of(part)[-1]) + 1
    ordinary = usable(head, part)
    data = ordinary.restore(values_of(ordinary, (50, count), 0), torch.arange(count))
    return head.for_data(data)


def usable(head: Head, part: PartUnderTest) -> Head:
    """The head, fitted to some data if it has no support before."""
    try:
        _ = head.support, head.parameter_count
    except TensorarError:
        return head.for_data(torch.arange(6.0).reshape(3, 2).expand(3, 2))
    return head


def coefficients_of(part: PartUnderTest) -> Tensor:
    """Flat indices of coefficients that the head is checked for: ascending, the first is 0."""
    if part.shapes is None:
        return torch.tensor(COEFFICIENTS)
    return torch.arange(min(math.prod(shape) for shape in part.shapes))


def few_coefficients(part: PartUnderTest) -> int:
    """The number of coefficients of a small event: that of the smallest shape given, if any are."""
    return 4 if part.shapes is None else len(coefficients_of(part))


def event_shape_of(part: PartUnderTest) -> Shape:
    """The shape of events that the head is fitted to: the smallest of those given, if any are."""
    return (2, 3) if part.shapes is None else min(part.shapes, key=math.prod)


def repeated_coefficients(part: PartUnderTest, n: int) -> Tensor:
    """The same indices repeated until there are ``n``."""
    known = coefficients_of(part)
    return known[torch.arange(n) % len(known)]


def _with_each_choice(part: PartUnderTest, option: str) -> list[Variant]:
    """The head with each choice of an option; without its number and with another one, where it may be none."""
    listed = [None, *(value for name, value in choices(part) if name == option)]
    values = other_values(part, option)
    numbers = [value for value in values if value not in listed] if type(None) in option_types(part, option) else []
    return _accepted(part, option, [v for v in values if v in listed]) + _accepted(part, option, numbers)[:1]


def _accepted(part: PartUnderTest, option: str, values: list[Any]) -> list[Variant]:
    found = []
    for value in values:
        options = {**part.options, option: value}
        with suppress(Exception):
            found.append(Variant(usable(part.make(options), part), options))
    return found
