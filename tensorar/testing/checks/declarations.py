"""What every part says of itself: a name, a line, and options that a spec can write."""

from __future__ import annotations

import inspect
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from tensorar.errors import SpecError
from tensorar.parts.part import Part, coerce, type_name
from tensorar.parts.spec import PartSpec
from tensorar.testing.check import CheckFailed
from tensorar.testing.generate.cases import Subject


def described(subject: Subject) -> None:
    """A name that a spec can say, a description in one line, and options with types and defaults."""
    part: type[Part] = subject.part
    name = part.__dict__.get("name", getattr(part, "name", None))
    try:
        spec = PartSpec.parse(name or "")
    except SpecError:
        spec = PartSpec("")
    if not name or spec.name != name:
        raise CheckFailed(f"name is {name!r}: letters, digits and underscores are wanted")
    if not inspect.getdoc(part) or not 5 < len(part.description()) < 120:
        raise CheckFailed("the first line of its docstring, which plugins list shows, has not 6 to 119 letters")
    for option, parameter in part.option_parameters().items():
        _require_writable(option, parameter)


def _require_writable(option: str, parameter: inspect.Parameter) -> None:
    if not _writable(parameter.annotation):
        raise CheckFailed(f"the option {option} has no type that a spec can write, but {parameter.annotation!r}")
    default = parameter.default
    if isinstance(default, bool | int | float | str):
        try:
            same = coerce(default, parameter.annotation, where=option) == default
        except SpecError:
            same = False
        if not same:
            raise CheckFailed(f"the default of {option}, {default!r}, is no {type_name(parameter.annotation)}")


def _writable(kind: Any) -> bool:
    """Whether the words of a spec can be made a value of this type."""
    if get_origin(kind) in (Union, types.UnionType, tuple):
        return all(_writable(one) for one in get_args(kind) if one is not Ellipsis)
    return get_origin(kind) is Literal or kind in (int, float, bool, str, Path, type(None))
