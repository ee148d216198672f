"""Parsing the text of options."""

from __future__ import annotations

import re
from typing import Any

# an axis longer than this has no flat indices
MAX_SIZE = 2**63 - 1


def parse_shape(text: str) -> tuple[int, ...]:
    """A shape, as written in ``--shape``: ``1,28,28``, ``1x28x28`` or ``()``. Raises ``TensorarError``."""
    from tensorar import TensorarError

    bare = text.strip().removeprefix("(").removesuffix(")").removesuffix(",")
    words = re.split(r"\s*[,x]\s*", bare.strip()) if bare.strip() else []
    # isdecimal also accepts the digits of other scripts, and int limits the number of digits
    shape = tuple(int(word) if word.isascii() and word.isdecimal() and len(word) < 20 else 0 for word in words)
    if not all(1 <= size <= MAX_SIZE for size in shape) or (not shape and text.strip() != "()"):
        raise TensorarError(
            expected="--shape with whole sizes from 1 to 2**63 - 1",
            got=repr(text),
            remedy="separate them with commas, as in 1,28,28, or write () for a single number",
        )
    return shape


def parse_steps(text: str | None) -> list[int] | None:
    """Steps of an order, as written in ``--steps``. Raises ``TensorarError``."""
    from tensorar import TensorarError

    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise TensorarError(
            expected="--steps as integers", got=repr(text), remedy="separate them with commas, as in 0,1,5"
        ) from error


def parse_numbers(text: str, option: str) -> list[float]:
    """Numbers separated by commas. Raises ``TensorarError``."""
    from tensorar import TensorarError

    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise TensorarError(
            expected=f"{option} as numbers", got=repr(text), remedy="separate them with commas, as in 0.1,0.5,0.9"
        ) from error


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """Training settings, as written in ``--set KEY=VALUE``. Raises ``SpecError``."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        settings |= _setting(pair)
    return settings


def _setting(pair: str) -> dict[str, Any]:
    from tensorar import PartSpec, SpecError

    key, _, value = pair.partition("=")
    if "=" in value.partition(",")[0] and not set(value) & set("\"'"):
        # a value with options of its own: augment=shift=2,flip=horizontal
        return {key.strip(): value}
    try:
        return dict(PartSpec.parse(f"set:{pair}").options)
    except SpecError as error:
        raise SpecError(
            expected="--set KEY=VALUE", got=repr(pair), remedy="write for example --set warmup=50"
        ) from error


def parse_index(text: str | None) -> list[int] | None:
    """An index into an event, as written in ``--coefficient``: ``0,14,14``, or a flat one. Raises ``TensorarError``."""
    from tensorar import TensorarError

    if text is None:
        return None
    words = [word.strip() for word in text.strip().removeprefix("(").removesuffix(")").split(",")]
    if not all(word.isascii() and word.isdecimal() and len(word) < 19 for word in words):
        raise TensorarError(
            expected="--coefficient as whole numbers from 0",
            got=repr(text),
            remedy="separate them with commas, as in 0,14,14",
        )
    return [int(word) for word in words]
