"""Usage errors of the command line in the form of all others: expected, got, remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import typer

# typer's messages for errors without a class of their own
COMMAND = re.compile(r"No such command '(?P<got>.*?)'\.(?: (?P<guess>Did you mean .*\?))?")
EXTRA = re.compile(r"Got unexpected extra argument\(?s?\)? \((?P<got>.*)\)")


def usage_line(error: typer.TyperException) -> str:
    """A usage error in one line."""
    describe = _DESCRIPTIONS.get(type(error).__name__, _other)
    expected, got, remedy = describe(error, _command(error))
    return f"expected {expected}, got {got}; {remedy}"


def _command(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "tensorar"


def _option(error: Any, command: str) -> tuple[str, str, str]:
    guess = f"did you mean {' or '.join(sorted(error.possibilities))}? " if error.possibilities else ""
    return f"an option of {command}", repr(error.option_name), f"{guess}see {command} --help"


def _missing(error: Any, command: str) -> tuple[str, str, str]:
    return f"{_name_of(error)} after {command}", "none", f"see {command} --help"


def _value(error: Any, command: str) -> tuple[str, str, str]:
    expected, got = error.message.removeprefix("Input should be ").partition(",")[0], "another value"
    # typer delegates validation to pydantic, which alone knows the value
    for detail in getattr(error.__cause__, "errors", list)():
        got = repr(detail["input"])
    return f"{_name_of(error)} to be {expected}", got, f"see {command} --help"


def _no_value(error: Any, command: str) -> tuple[str, str, str]:
    if "does not take" in error.message:
        return f"no value after {error.option_name}", "one", f"see {command} --help"
    return f"a value after {error.option_name}", "none", f"see {command} --help"


def _other(error: Any, command: str) -> tuple[str, str, str]:
    text = " ".join(getattr(error, "format_message", lambda: str(error))().split())
    if found := COMMAND.fullmatch(text):
        guess = found["guess"]
        remedy = f"{guess[0].lower()}{guess[1:]} see {command} --help" if guess else f"see {command} --help"
        return f"a command of {command}", repr(found["got"]), remedy
    if found := EXTRA.fullmatch(text):
        return f"nothing more after {command}", repr(found["got"]), f"see {command} --help"
    return f"valid arguments of {command}", text.removesuffix("."), f"see {command} --help"


def _name_of(error: Any) -> str:
    hint = error.param_hint or (error.param.get_error_hint() if error.param is not None else "a value")
    return (hint if isinstance(hint, str) else " / ".join(hint)).replace("'", "")


_DESCRIPTIONS: dict[str, Callable[[Any, str], tuple[str, str, str]]] = {
    "NoSuchOption": _option,
    "MissingParameter": _missing,
    "BadParameter": _value,
    "BadOptionUsage": _no_value,
}
