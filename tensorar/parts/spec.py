"""Part specs: ``name`` or ``name:key=value,key=value``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from tensorar.errors import SpecError
from tensorar.parts.part import Kind, Value

_NAME = re.compile(r"[A-Za-z_][\w-]*")
_ITEM = re.compile(
    r"""\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^,"']*))\s*"""
)
_BARE = re.compile(r"[\w./+-]+")

KINDS: tuple[Kind, ...] = ("ordering", "head", "backbone", "dataset", "recipe")


@dataclass(frozen=True)
class PartSpec:
    """A part's name and the options that the user has set.

    >>> PartSpec.parse("convnet:channels=32,pool=true")
    PartSpec(name='convnet', options={'channels': 32, 'pool': True})
    >>> str(PartSpec("einops", {"pattern": "h w -> (w h)"}))
    'einops:pattern="h w -> (w h)"'
    """

    name: str
    options: dict[str, Value] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | PartSpec) -> PartSpec:
        """Parse a spec. Raises ``SpecError`` when it is malformed."""
        if isinstance(text, PartSpec):
            return text
        name, colon, rest = text.strip().partition(":")
        if not _NAME.fullmatch(name) or (colon and not rest.strip()):
            raise _malformed(text)
        return cls(name, _parse_options(text, rest) if colon else {})

    def __str__(self) -> str:
        items = ",".join(f"{key}={_format(value)}" for key, value in self.options.items())
        return f"{self.name}:{items}" if items else self.name


def _parse_options(text: str, rest: str) -> dict[str, Value]:
    options: dict[str, Value] = {}
    position = 0
    while position <= len(rest):
        item = _ITEM.match(rest, position)
        end = item.end() if item else position
        if item is None or item["key"] in options or (end < len(rest) and rest[end] != ","):
            raise _malformed(text)
        options[item["key"]] = _value(item, text)
        position = end + 1
    return options


def _value(item: re.Match[str], text: str) -> Value:
    quoted = item["double"] if item["double"] is not None else item["single"]
    if quoted is not None:
        return quoted
    word = item["word"].strip()
    if not word:
        raise _malformed(text)
    return _read(word)


def _read(word: str) -> Value:
    """A word as a boolean or a number if that is written exactly so; ``007`` may be a name.

    Words such as ``1e-3`` are converted later, if the option is a number.
    """
    if word in ("true", "false"):
        return word == "true"
    for kind in (int, float):
        with suppress(ValueError):
            number: int | float = kind(word)
            if repr(number) == word:
                return number
    return word


def _format(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    if _BARE.fullmatch(value) and isinstance(_read(value), str):
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def _malformed(text: str) -> SpecError:
    return SpecError(
        expected="a part spec: name or name:key=value,key=value",
        got=repr(text),
        remedy='write for example convnet:channels=32 (quote a value with a comma: key="a,b")',
    )


def nearest(word: str, words: Iterable[str]) -> str:
    """The remedy for a misspelt word: the nearest valid word, and all valid ones."""
    import difflib

    words = sorted(words)
    close = difflib.get_close_matches(word, words, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}the valid ones are {', '.join(words) or 'none'}"
