"""Checks of the fields that a file of a run must have."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tensorar.errors import RunError
from tensorar.parts.spec import nearest
from tensorar.utils.reading import shorten

# beyond any count of steps or events, and exact as a float
MAX_INTEGER = 2**53
MAX_FLOAT = sys.float_info.max


@dataclass(frozen=True)
class Field:
    """A type of values, in words, and the test for it."""

    expected: str
    holds: Callable[[Any], bool]


def integer(least: int = 0, most: int = MAX_INTEGER) -> Field:
    """Integers in a range; booleans are none."""
    return Field(f"an integer from {least} to {most}", lambda value: type(value) is int and least <= value <= most)


def number(least: float = -math.inf) -> Field:
    """Finite numbers."""
    limit = "" if least == -math.inf else f" >= {least:g}"

    def holds(value: Any) -> bool:
        return type(value) in (int, float) and abs(value) <= MAX_FLOAT and least <= value

    return Field(f"a finite number{limit}", holds)


BOOLEAN = Field("true or false", lambda value: isinstance(value, bool))
TABLE = Field("a table", lambda value: isinstance(value, dict))
TEXT = Field("text", lambda value: isinstance(value, str))


def optional(field: Field) -> Field:
    """Values of a field, or null."""
    return Field(f"{field.expected} or null", lambda value: value is None or field.holds(value))


def list_of(field: Field, most: int) -> Field:
    """Lists of at most ``most`` such values."""
    return Field(
        f"a list of at most {most} values, each {field.expected}",
        lambda value: isinstance(value, list) and len(value) <= most and all(map(field.holds, value)),
    )


def table_of(field: Field, expected: str) -> Field:
    """Tables of such values, in words."""
    return Field(expected, lambda value: isinstance(value, dict) and all(map(field.holds, value.values())))


def check_fields(
    values: Mapping[str, Any],
    fields: Mapping[str, Field],
    *,
    where: str,
    remedy: str,
    omissible: tuple[str, ...] = (),
) -> None:
    """Raise ``RunError`` for a field that is missing (and not ``omissible``), unknown, or no value of its type."""
    for name in values:
        if name not in fields:
            raise RunError(expected=f"a field of {where}", got=shortened(name), remedy=nearest(name, fields))
    for name, field in fields.items():
        if name not in values:
            if name in omissible:
                continue
            raise RunError(expected=f"{name} in {where} to be {field.expected}", got="none", remedy=remedy)
        if not field.holds(values[name]):
            raise RunError(
                expected=f"{name} in {where} to be {field.expected}", got=shortened(values[name]), remedy=remedy
            )


def shortened(value: Any) -> str:
    """A value from a file as it may be printed: of one short line."""
    return shorten(repr(value), 80)
