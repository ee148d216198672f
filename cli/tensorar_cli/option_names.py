"""Errors of the library name arguments of functions; here they become options of the running command."""

from __future__ import annotations

import re
import sys
from shlex import quote
from typing import Any

# device="auto", resume=True, but not an option inside of a part spec (toy:seed="3") or a quotation
ASSIGNMENT = re.compile(r"(?<![\w:,.`'\"=-])(?P<name>[a-z_]+)=(?P<value>\"[^\"]*\"|'[^']*'|True|False|None)")
MENTION = re.compile(r"`(?P<name>[a-z_]+)`")
CALL = re.compile(r"\b(?P<name>[a-z_]+)\((?P<value>\"[^\"]*\"|'[^']*')\)")
# functions that options call
FUNCTIONS = {"load_file": "plugin"}


def with_option_names(message: str, command: Any) -> str:
    """A message with the names of a command's parameters replaced: ``head='beta'`` becomes ``--head beta``."""
    parameters = {parameter.name: parameter for parameter in command.params}

    def assignment(match: re.Match[str]) -> str:
        name = match["name"]
        return _option(parameters[name], match["value"]) if name in parameters else match[0]

    def call(match: re.Match[str]) -> str:
        name = FUNCTIONS.get(match["name"])
        return _option(parameters[name], match["value"]) if name in parameters else match[0]

    def mention(match: re.Match[str]) -> str:
        name = match["name"]
        return _spelling(parameters[name]) if name in parameters else match[0]

    return MENTION.sub(mention, CALL.sub(call, ASSIGNMENT.sub(assignment, message)))


def _option(parameter: Any, value: str) -> str:
    if value == "False" and parameter.secondary_opts:
        return str(max(parameter.secondary_opts, key=len))
    if value in ("True", "False", "None"):
        return _spelling(parameter)
    return f"{_spelling(parameter)} {quote(value[1:-1])}"


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
