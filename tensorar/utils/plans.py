"""Plans: tables that depend on shapes and orders only, made once and shared by all batches."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property, lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def cached_plan(maxsize: int = 16) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the last ``maxsize`` results of a function of hashable arguments, per device of the arguments.

    The function runs outside inference mode, so that later training can use the tensors it makes. An argument's
    device is its ``device`` attribute: orders that are equal on two devices get a plan each.

    >>> @cached_plan(maxsize=2)
    ... def squares(n):
    ...     return torch.arange(n) ** 2
    >>> squares(3) is squares(3)
    True
    """

    def decorate(make: Callable[P, T]) -> Callable[P, T]:
        @lru_cache(maxsize=maxsize)
        def made(devices: Hashable, arguments: tuple[Any, ...], options: tuple[tuple[str, Any], ...]) -> T:
            with torch.inference_mode(False):
                return make(*arguments, **dict(options))

        @wraps(make)
        def find(*arguments: P.args, **options: P.kwargs) -> T:
            devices = tuple([getattr(argument, "device", None) for argument in (*arguments, *options.values())])
            return made(devices, arguments, tuple(sorted(options.items())) if options else ())

        return find

    return decorate


def planned_property(function: Callable[[Any], T]) -> cached_property[T]:
    """A property computed once, outside inference mode, so that later training can use its tensors."""
    return cached_property(torch.inference_mode(False)(function))
