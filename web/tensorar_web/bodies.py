"""Bodies of requests: JSON of known keys and types, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from starlette.requests import Request

from tensorar.errors import TensorarError
from tensorar.parts.spec import nearest
from tensorar.workflows.explore import Explorer, Question
from tensorar.workflows.explore.question import question_about
from tensorar_web.answers import MAX_BODY, TooLarge

Kind = Callable[[Any], bool]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_values(value: Any) -> bool:
    return isinstance(value, list) and all(v is None or isinstance(v, str) or _is_number(v) for v in value)


def _is_context(value: Any) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, list) and all(map(_is_number, value)))


OPTIONS: dict[str, tuple[Kind, str]] = {
    "completions": (_is_whole, "a whole number"),
    "seed": (_is_whole, "a whole number"),
    "temperature": (_is_number, "a number"),
    "conditioning": (lambda value: isinstance(value, str), "a text"),
    "particles": (_is_whole, "a whole number"),
}
KEYS: dict[str, tuple[Kind, str]] = {
    "values": (_is_values, "a list of numbers, null where unknown (text: a cell of a table)"),
    "context": (_is_context, "null, a list of numbers, or a text"),
    "coefficient": (_is_whole, "a whole number"),
    **OPTIONS,
}


@dataclass(frozen=True)
class Body:
    """The keys of a body, each of its type."""

    keys: dict[str, Any]

    def question(self, explorer: Explorer) -> Question:
        """The question that it asks about an event of a run. Raises ``TensorarError``."""
        options = {name: value for name, value in self.keys.items() if name in OPTIONS}
        values, context = explorer.values(self["values"]), self.keys.get("context")
        if isinstance(context, str):
            context = explorer.run.parse_context(context)
        elif context is not None:
            context = torch.tensor([float(number) for number in context])
        return question_about(values, context, **options)

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys:
            raise TensorarError(expected=f"`{key}` in the body", got="none", remedy=f"send {KEYS[key][1]}")
        return self.keys[key]


async def read_body(request: Request) -> Body:
    """The body of a request: a JSON object of known keys and types. Raises ``TensorarError``, ``TooLarge``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise TensorarError(
            expected="a body of application/json",
            got=request.headers.get("content-type", "")[:60] or "no type",
            remedy="set the header Content-Type",
        )
    try:
        found = json.loads(await _content(request), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise TensorarError(expected="JSON", got="other text", remedy="send a JSON object") from error
    if not isinstance(found, dict):
        raise TensorarError(expected="a JSON object", got="another value", remedy="send a JSON object")
    for key, value in found.items():
        if key not in KEYS:
            raise TensorarError(
                expected=f"keys among {', '.join(KEYS)}", got=repr(key[:60]), remedy=nearest(key[:60], list(KEYS))
            )
        is_kind, what = KEYS[key]
        if not is_kind(value):
            raise TensorarError(expected=f"`{key}` to be {what}", got=json.dumps(value)[:60], remedy="correct it")
    return Body(found)


async def _content(request: Request) -> bytes:
    """The bytes of a body, counted as they come: it need not say its length. Raises ``TooLarge``."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise TooLarge
    return bytes(content)


def _refuse(constant: str) -> None:
    raise ValueError(constant)
