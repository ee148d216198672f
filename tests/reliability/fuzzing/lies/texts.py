"""Recipes and metrics with other values."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .odd_values import ODD_JSON


def toml_values(chance: random.Random, path: Path) -> None:
    """A value replaced, a key removed, renamed or doubled."""
    lines = path.read_text().splitlines()
    number = chance.choice([i for i, line in enumerate(lines) if " = " in line])
    key, _, value = lines[number].partition(" = ")
    odd = (
        "-1",
        "0",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "9" * 30,
        "true",
        '""',
        "[]",
        "{}",
        "1979-05-27",
        '"\\u001b[31m"',
        "[1, 2]",
    )
    odd += (
        '"x"',
        '"pip; rm -rf /"',
        "'a\tb'",
        f'"{"x" * 5000}"',
        "{a = 1}",
        "0x10",
        "1.5",
        '"none"',
        "2",
        '"\\u202e"',
        '"a:b=c"',
    )
    edited = re.sub(r"\d", lambda digit: chance.choice(("1", "2", "9", digit[0])), value)
    lines[number] = chance.choice(
        (
            *[f"{key} = {chance.choice(odd)}"] * 2,
            *[f"{key} = {edited}"] * 2,
            *("", f"[{key}]", f"x{key} = {value}", f"{key}.x = {value}", f"{lines[number]}\n{lines[number]}"),
        )
    )
    path.write_text("\n".join(lines) + "\n")


def toml_bomb(chance: random.Random, path: Path) -> None:
    """Small text that takes much memory, or deep recursion."""
    bombs = (
        ".".join(["a"] * 50000) + " = 1",
        "\n".join(f"{'a.' * 400}b{i} = 1" for i in range(120)),
        "x = " + "[" * 5000,
    )
    bombs += (
        "x = " + "{a=" * 5000,
        "\n".join(f"[{'a.' * 300}b{i}]" for i in range(150)),
        "[[" + "a." * 5000 + "b]]",
        "x = 1e" + "9" * 50000,
    )
    bombs += ("x = " + "9" * 100000, "x = '''" + "\n" * 100000)
    path.write_text(chance.choice((path.read_text() + "\n", "")) + chance.choice(bombs) + "\n")


def json_document(chance: random.Random, path: Path) -> None:
    """An odd value in a document, at any depth."""
    document = json.loads(path.read_text())
    holder, key = chance.choice(list(_places(document)))
    holder[key] = chance.choice(ODD_JSON)
    path.write_text(json.dumps(document))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where the values of a document are: what holds them, and the key or index."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def json_rows(chance: random.Random, path: Path) -> None:
    """A row of the metrics with other fields."""
    rows = path.read_text().splitlines()
    number = chance.randrange(len(rows))
    row = json.loads(rows[number])
    row[chance.choice((*row, "step", "nothing"))] = chance.choice(ODD_JSON)
    odd = (
        json.dumps(row),
        json.dumps(row),
        json.dumps(row),
        "",
        "{}",
        "[]",
        "null",
        "3",
        "{",
        '{"step": ' + "[" * 3000,
        "9" * 5000,
    )
    rows[number] = chance.choice(odd)
    if chance.random() < 0.2:
        rows.insert(chance.randrange(len(rows)), chance.choice(rows))
    path.write_text("\n".join(rows) + "\n")
