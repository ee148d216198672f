"""The declarations of a part: its name, description and options."""

from __future__ import annotations

import inspect
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from tensorar.errors import SpecError
from tensorar.parts.part import Part, coerce, option_name, part_kind, type_name
from tensorar.parts.spec import PartSpec
from tensorar.runs.settings import LENGTHS, TrainingSettings
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

MIN_DESCRIPTION, MAX_DESCRIPTION = 6, 119


@check("ordering", "head", "backbone", "dataset", needs_base=False)
def described(part: PartUnderTest) -> None:
    """A part has a name that a spec can contain, and a description of one line."""
    kind: type[Part] = part.part
    name = kind.__dict__.get("name", getattr(kind, "name", None))
    try:
        spec = PartSpec.parse(name or "")
    except SpecError:
        spec = PartSpec("")
    if not name or spec.name != name:
        raise CheckFailed(f"expected a name of letters, digits and underscores, got {name!r}")
    if not inspect.getdoc(kind) or not MIN_DESCRIPTION <= len(kind.description()) <= MAX_DESCRIPTION:
        raise CheckFailed(
            f"expected {MIN_DESCRIPTION} to {MAX_DESCRIPTION} characters in the first line of the docstring, got"
            f" {len(kind.description())}"
        )


@check("ordering", "head", "backbone", "dataset", needs_base=False)
def options_are_typed(part: PartUnderTest) -> None:
    """Options have types that a spec can express, and defaults of these types."""
    for option, parameter in part.part.option_parameters().items():
        _require_writable(option, parameter)


@check("ordering", "head", "backbone", "dataset", needs_base=False)
def options_are_described(part: PartUnderTest) -> None:
    """Every option has a line under ``Options:`` in the docstring, and every such line is about an option."""
    options, described = {*map(option_name, part.part.option_parameters())}, part.part.option_descriptions()
    missing = sorted(option for option in options if not described.get(option, "").strip())
    if missing:
        raise CheckFailed(f"no description of the option {missing[0]} under 'Options:' in the docstring")
    unknown = sorted(described.keys() - options)
    if unknown and part.part.free_option_type() is None:
        raise CheckFailed(f"the docstring describes {unknown[0]}, which is not an option")


@check("backbone", needs_base=False)
def defaults_are_valid(part: PartUnderTest) -> None:
    """The training settings that a backbone recommends are settings with valid values; its orderings are specs."""
    recommended = part.part.recommended
    given = sorted(recommended.keys() & {*LENGTHS, "seed"})
    if given:
        raise CheckFailed(f"expected no {given[0]} among the recommended settings: it is the user's to choose")
    try:
        TrainingSettings().changed(recommended)
        for spec in {part.part.preferred_ordering, part.part.image_ordering} - {None}:
            PartSpec.parse(spec)
    except SpecError as error:
        raise CheckFailed(f"{error.expected} among the defaults, got {error.got}") from error


def _require_writable(option: str, parameter: inspect.Parameter) -> None:
    if not _writable(parameter.annotation):
        raise CheckFailed(f"a spec cannot express the type of the option {option}: {parameter.annotation!r}")
    default = parameter.default
    if isinstance(default, bool | int | float | str):
        try:
            same = coerce(default, parameter.annotation, where=option) == default
        except SpecError:
            same = False
        if not same:
            raise CheckFailed(f"the default of {option}, {default!r}, is not of type {type_name(parameter.annotation)}")


def _writable(kind: Any) -> bool:
    """Whether the text of a spec can be converted to this type."""
    if get_origin(kind) in (Union, types.UnionType, tuple):
        return all(_writable(one) for one in get_args(kind) if one is not Ellipsis)
    return get_origin(kind) is Literal or kind in (int, float, bool, str, Path, type(None)) or bool(part_kind(kind))
