"""Read TOML files of limited size and depth: tomllib takes memory quadratic in the length of a dotted key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorar.errors import RunError
from tensorar.utils.reading import escaped, shorten

MAX_BYTES = 100_000
MAX_DEPTH = 8
# TOML's integers
INTEGERS = range(-(2**63), 2**63)
# every character is read once: nothing is tried twice, and an unterminated text, at which tomllib stops, reaches to its
# last possible end; three quotes that end a text may follow two more
TEXTS_AND_COMMENTS = re.compile(
    r'"""(?:\\.|[^\\"]|"(?!""))*+(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*+(?:"|(?=\n)|\\?\Z)'
    r"|'[^'\n]*+(?:'|(?=\n)|\Z)"
    r"|(?P<comment>\#[^\n]*+)",
    re.DOTALL,
)
DEEP_KEY = re.compile(rf"(?<![\w-])[\w-]++(?:[ \t]*+\.[ \t]*+[\w-]++){{{MAX_DEPTH}}}")


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file. Raises ``RunError`` when it is missing, too large or too deep, or no TOML."""
    text = _text(path)
    if _too_deep(text):
        raise _invalid(path, f"more than {MAX_DEPTH} levels of tables or arrays")
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, shorten(escaped(str(error)), 200)) from error
    if any(type(value) is int and value not in INTEGERS for value in _values(document)):
        raise _invalid(path, "an integer of more than 64 bits")
    return document


def _text(path: Path) -> str:
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no file" if path.exists() else "no such file"
        raise RunError(expected=f"a recipe at {path}", got=got, remedy="check the path")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _invalid(path, f"more than {MAX_BYTES} bytes")
        return content.decode().replace("\r\n", "\n")
    except OSError as error:
        raise _invalid(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _invalid(path, "text in another encoding than UTF-8") from error


def _too_deep(text: str) -> bool:
    """Whether keys or brackets outside texts and comments are nested more than ``MAX_DEPTH`` times."""
    bare = TEXTS_AND_COMMENTS.sub(lambda match: "" if match["comment"] else "t", text)
    depth = deepest = 0
    for character in bare:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH or DEEP_KEY.search(bare) is not None


def _values(value: Any) -> Iterator[Any]:
    """All values in a document."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _values(part)
    else:
        yield value


def _invalid(path: Path, got: str) -> RunError:
    return RunError(expected=f"{path} to be a TOML file", got=got, remedy="fix it, or restore it from a copy")
