"""Parsing the text of options."""

from __future__ import annotations

from typing import Any


def parse_shape(text: str) -> tuple[int, ...]:
    """A shape, as written in ``--shape``. Raises ``TensorarError``."""
    from tensorar import TensorarError

    words = text.replace("x", ",").strip("() ").split(",")
    try:
        shape = tuple(int(word) for word in words if word.strip())
    except ValueError:
        shape = (0,)
    if any(size < 1 for size in shape):
        raise TensorarError(
            expected="--shape with sizes >= 1", got=repr(text), remedy="separate them with commas, as in 1,28,28"
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


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """Training settings, as written in ``--set KEY=VALUE``. Raises ``SpecError``."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        settings |= _setting(pair)
    return settings


def _setting(pair: str) -> dict[str, Any]:
    from tensorar import PartSpec, SpecError

    try:
        return dict(PartSpec.parse(f"set:{pair}").options)
    except SpecError as error:
        raise SpecError(
            expected="--set KEY=VALUE", got=repr(pair), remedy="write for example --set warmup=50"
        ) from error
