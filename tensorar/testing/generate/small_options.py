"""Options that make any part small, found by rule, so that a check takes milliseconds instead of seconds."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any, get_args

from tensorar.backbone import Backbone
from tensorar.head import Head
from tensorar.parts.part import Part
from tensorar.testing.oracles import levels_of

WIDTH = 8
DEPTH = 2
LEVELS = 3
DEPTH_OPTIONS = ("blocks", "layers")


def small_options(part: type, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Options that make a part small, including those given."""
    given = dict(options or {})
    if issubclass(part, Backbone):
        return _small_backbone(part) | given
    if issubclass(part, Head):
        return _small_head(part, given)
    return given


def _small_backbone(kind: type[Backbone]) -> dict[str, Any]:
    """Width 8 and depth 2 where the defaults are larger; depth 1 at each of several levels, or within blocks."""
    parameters = kind.option_parameters().items()
    depth = 1 if "levels" in kind.option_parameters() else DEPTH
    nested = {"layers": 1} if {"blocks", "layers"} <= kind.option_parameters().keys() else {}
    wide = {k for k, p in parameters if type(p.default) is int and p.default > WIDTH}
    free = {k for k, p in parameters if p.default is None and "hidden" in k}
    required = {k for k, p in parameters if p.default is inspect.Parameter.empty}
    deep = {k: depth for k, p in parameters if k in DEPTH_OPTIONS and type(p.default) is int and p.default > depth}
    return dict.fromkeys(sorted(wide | free | required), WIDTH) | deep | nested


def _small_head(kind: type[Head], given: dict[str, Any]) -> dict[str, Any]:
    """Few levels where an option sets their number, and few parameters where an option sets theirs."""
    for option in _integers(kind, given):
        made = _made(kind, given | {option: LEVELS})
        if made is not None and levels_of(made) == LEVELS and (levels_of(_made(kind, given) or made) or 0) >= LEVELS:
            given = given | {option: LEVELS}
    for option in _integers(kind, given):
        whole, made = _made(kind, given), _made(kind, given | {option: 2})
        if whole is not None and made is not None and made.parameter_count < whole.parameter_count:
            given = given | ({option: 2} if levels_of(made) == levels_of(whole) else {})
    return given


def _integers(kind: type[Part], given: dict[str, Any]) -> list[str]:
    integer = {k for k, p in kind.option_parameters().items() if int in (p.annotation, *get_args(p.annotation))}
    return sorted(integer - given.keys())


def _made(kind: type[Head], options: dict[str, Any]) -> Head | None:
    with suppress(Exception):
        return kind(**options)
    return None
