"""Errors of the library name arguments of functions; here they become options of the running command."""

from __future__ import annotations

import re
import sys
from shlex import quote
from typing import Any

QUOTED = r"\"[^\"]*\"|'[^']*'"
# not inside of a part spec (toy:seed=3,length=4), a quotation or another word
START = r"(?<![\w:,.`'\"=/-])"
ASSIGNMENT = re.compile(rf"{START}(?P<name>[a-z_]+)=(?P<value>{QUOTED}|True|False|None|-?\d+(\.\d+)?(e[+-]?\d+)?)")
CALL = re.compile(rf"\b(?P<name>[a-z_]+)\((?P<value>{QUOTED})\)")
# a name in backticks, or one that is no English word
MENTION = re.compile(rf"`(?P<quoted>[a-z_]+)`|{START}(?P<bare>[a-z]+_[a-z_]+)\b(?![\w=:(/.-])")
# functions that options call
FUNCTIONS = {"load_file": "plugin"}


def with_option_names(message: str, command: Any) -> str:
    """A message with a command's options instead of arguments: ``head='beta'`` becomes ``--head beta``."""
    parameters = {parameter.name: parameter for parameter in command.params}

    def assignment(match: re.Match[str]) -> str:
        name = match["name"]
        return _option(parameters[name], match["value"]) if name in parameters else match[0]

    def call(match: re.Match[str]) -> str:
        name = FUNCTIONS.get(match["name"])
        return _option(parameters[name], match["value"]) if name in parameters else match[0]

    def mention(match: re.Match[str]) -> str:
        name = match["quoted"] or match["bare"]
        return _spelling(parameters[name]) if name in parameters else match[0]

    return MENTION.sub(mention, CALL.sub(call, ASSIGNMENT.sub(assignment, message)))


def _option(parameter: Any, value: str) -> str:
    if value == "None":
        return f"no {_spelling(parameter)}"
    if value == "False" and parameter.secondary_opts:
        return str(max(parameter.secondary_opts, key=len))
    if value in ("True", "False"):
        return _spelling(parameter)
    text = value[1:-1] if value.startswith(("'", '"')) else value
    return f"{_spelling(parameter)} {quote(text)}"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return str(max(parameter.opts, key=len))


def running_command(group: Any, args: list[str] | None) -> Any:
    """The command that the arguments name."""
    command = group
    for word in sys.argv[1:] if args is None else args:
        command = getattr(command, "commands", {}).get(word, command)
    return command
