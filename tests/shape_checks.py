"""Checks of types and shapes in every call of the library, by jaxtyping and beartype.

``jaxtyping.jaxtyped`` prepares two functions for each one that is imported, and checks the arguments before a call and
again after it. Here a function is prepared in its first checked call, and its arguments and result are checked once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from types import FunctionType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping._decorator import _destring_annotation
from jaxtyping._storage import pop_shape_memo, push_shape_memo

# integers are accepted as floats, as by mypy
beartyped: Callable[[Any], Any] = beartype(conf=BeartypeConf(is_pep484_tower=True))
jaxtyped = jaxtyping.jaxtyped


def install() -> None:
    """Check the modules of the library that are imported from now on."""
    jaxtyping.jaxtyped = lambda **_: checked
    jaxtyping.install_import_hook(["tensorar", "tensorar_plugins"], None)


def checked(what: Any) -> Any:
    """A function whose calls are checked, or a class whose constructor is if it is a dataclass."""
    if isinstance(what, FunctionType) and not inspect.isgeneratorfunction(what):
        return _checked_function(what)
    return jaxtyped(what, typechecker=_prepared_later)


def _checked_function(function: FunctionType) -> Callable[..., Any]:
    prepared = cache(lambda: beartyped(_with_types(function)))

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if jaxtyping.config.jaxtyping_disable:
            return function(*args, **kwargs)
        # the sizes of axes, for this call
        push_shape_memo({})
        try:
            return prepared()(*args, **kwargs)
        finally:
            pop_shape_memo()

    return call


def _with_types(function: FunctionType) -> FunctionType:
    """A copy whose annotations are types instead of their names."""
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__module__, copy.__qualname__, copy.__kwdefaults__ = (
        function.__module__,
        function.__qualname__,
        function.__kwdefaults__,
    )
    names = function.__annotations__
    copy.__annotations__ = {key: _destring_annotation(name, function.__globals__) for key, name in names.items()}
    return copy


def _prepared_later(function: FunctionType) -> Callable[..., Any]:
    prepared = cache(lambda: beartyped(function))
    return lambda *args, **kwargs: prepared()(*args, **kwargs)
