"""The base class of parts: a name, a description, and keyword-only options, which are the schema of its spec."""

from __future__ import annotations

import inspect
import keyword
import re
import types
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from tensorar.errors import SpecError

Value = bool | int | float | str
Kind = Literal["ordering", "head", "backbone", "dataset", "recipe"]


class Part:
    """An ordering, a head, a backbone or a dataset, with a name and options.

    ``kind`` is set by the base class of each kind. ``expected_failures`` maps checks of the conformance kit that this
    part must fail to the reason.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    expected_failures: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def description(cls) -> str:
        """The first line of the part's docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @classmethod
    def option_parameters(cls) -> dict[str, inspect.Parameter]:
        """The keyword-only arguments of the constructor by name, with resolved types."""
        keyword_only = inspect.Parameter.KEYWORD_ONLY
        return {name: each for name, each in argument_parameters(cls).items() if each.kind is keyword_only}

    @classmethod
    def option_descriptions(cls) -> dict[str, str]:
        """The meaning of each option, from the section ``Options:`` in the docstrings of the part and its bases."""
        found: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            found |= _described_options(inspect.cleandoc(base.__doc__ or ""))
        return found

    @classmethod
    def free_option_type(cls) -> Any | None:
        """The type of options with arbitrary names (``**sizes: int``), or None if the part has none."""
        free = (each for each in argument_parameters(cls).values() if each.kind is inspect.Parameter.VAR_KEYWORD)
        return next((parameter.annotation for parameter in free), None)


def option_name(argument: str) -> str:
    """The name of an option in specs: ``from`` for the argument ``from_``, since Python reserves the word.

    >>> option_name("from_"), option_name("seed")
    ('from', 'seed')
    """
    return argument.removesuffix("_") if keyword.iskeyword(argument.removesuffix("_")) else argument


def part_kind(annotation: Any) -> Kind | None:
    """The kind of part that is the value of an option, or None for an option of another type."""
    kind: Kind | None = getattr(annotation, "kind", None) if isinstance(annotation, type) else None
    return kind


def parts_kind(annotation: Any) -> Kind | None:
    """The kind of parts of which an option takes several (``tuple[Head, ...]``), or None for other options."""
    return part_kind(get_args(annotation)[0]) if get_origin(annotation) is tuple else None


def argument_parameters(cls: type[Part]) -> Mapping[str, inspect.Parameter]:
    """The arguments of the constructor by name, with resolved types. They are found once for each part."""
    return _argument_parameters(cls)  # type: ignore[arg-type]  # mypy looks for the hash of a part, not of its class


@lru_cache(maxsize=1024)
def _argument_parameters(cls: type[Part]) -> Mapping[str, inspect.Parameter]:
    found = _argument_types(cls)
    arguments = inspect.signature(cls).parameters
    return {name: each.replace(annotation=found.get(name, Any)) for name, each in arguments.items()}


def _argument_types(cls: type[Part]) -> dict[str, Any]:
    """The types of the constructor's arguments."""
    try:
        return get_type_hints(cls.__init__)
    except NameError:
        # a dataclass's constructor has the annotations of its bases, which may only have a meaning in their modules
        return get_type_hints(cls)


def _described_options(documentation: str) -> dict[str, str]:
    r"""The entries ``name: meaning`` of the section ``Options:``; a line with more indentation continues the entry.

    >>> _described_options("A head.\n\nOptions:\n    levels: Number of levels,\n        at least 2.\n    seed: Seed.")
    {'levels': 'Number of levels, at least 2.', 'seed': 'Seed.'}
    """
    _, _, section = documentation.partition("\nOptions:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if entry := re.fullmatch(r" {4}(\w+): (.*)", line):
            name = entry[1]
            found[name] = entry[2]
        elif line.strip() and name:
            found[name] += f" {line.strip()}"
    return found


def type_name(annotation: Any) -> str:
    """An option's type as a user would write it.

    >>> type_name(tuple[int, ...] | None)
    'integers | none'
    """
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) in (Union, types.UnionType):
        names = [type_name(kind) for kind in get_args(annotation)]
        return " | ".join(name for name in names if name != "text" or "path" not in names)
    if get_origin(annotation) is tuple:
        return f"{type_name(get_args(annotation)[0])}s"
    if kind := part_kind(annotation):
        return kind
    words = {int: "integer", float: "number", bool: "true | false", str: "text", Path: "path", type(None): "none"}
    return words.get(annotation, str(getattr(annotation, "__name__", annotation)))


def coerce(value: Value, annotation: Any, *, where: str) -> Any:
    """Convert the ``value`` of a spec to the type of an option.

    Numbers become text if the option is text, ``"2 0 1"`` becomes integers, the word ``none`` becomes None. Raises
    ``SpecError`` when the value does not fit.

    >>> coerce("2 0 1", tuple[int, ...] | None, where="axes")
    (2, 0, 1)
    """
    candidates = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    for candidate in candidates:
        found = _fit(value, candidate)
        if found is not _NO_FIT:
            return found
    raise SpecError(
        expected=f"{where} to be {type_name(annotation)}", got=repr(value), remedy="use a value of that type"
    )


_NO_FIT = object()


def _fit(value: Value, kind: Any) -> Any:
    if kind is Any or (get_origin(kind) is Literal and value in get_args(kind)):
        return value
    if kind is type(None):
        return None if value in ("none", "None") else _NO_FIT
    if kind is bool:
        return value if isinstance(value, bool) else _NO_FIT
    if kind in (int, float):
        return _number(value, kind)
    if kind in (str, Path):
        return kind(str(value).lower() if isinstance(value, bool) else str(value))
    if get_origin(kind) is tuple:
        return _words(value, get_args(kind)[0])
    return _NO_FIT


def _number(value: Value, kind: Any) -> Any:
    """A number, also from a word such as ``1e-3`` or ``007``."""
    if isinstance(value, bool) or (kind is int and isinstance(value, float)):
        return _NO_FIT
    try:
        return kind(value)
    except (ValueError, OverflowError):
        return _NO_FIT


def _words(value: Value, kind: Any) -> Any:
    found = tuple(_fit(word, kind) for word in str(value).split())
    return _NO_FIT if _NO_FIT in found else found
