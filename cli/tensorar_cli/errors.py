"""Every error is one line on standard error, with exit code 2 and without a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from tensorar_cli.option_names import running_command, with_option_names
from tensorar_cli.usage_errors import usage_line


class OneLineErrors(TyperGroup):
    """A group of commands that report errors in one line."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command. Set ``TENSORAR_TRACEBACK=1`` to get the traceback of an error."""
        try:
            status = super().main(args, *rest, **extra | {"standalone_mode": False})
        except (KeyboardInterrupt, typer.Abort):
            _fail("interrupted", 130)
        except typer.TyperException as error:
            _fail_usage(error)
        except Exception as error:
            if os.environ.get("TENSORAR_TRACEBACK"):
                raise
            _fail(describe_error(error, running_command(self, args)), 2)
        sys.exit(status if isinstance(status, int) else 0)


def describe_error(error: Exception, command: Any) -> str:
    """An error of a command in one line, with the names of its options."""
    from tensorar.errors import TensorarError

    text = " ".join(str(error).split())
    if isinstance(error, TensorarError):
        return with_option_names(text, command)
    if isinstance(error, OSError):
        what = f"to use {error.filename}" if error.filename else "to read and write files"
        return f"expected {what}, got {error.strerror or text}; check the path, its permissions and the free disk space"
    return f"internal error, {type(error).__name__}: {text}; set TENSORAR_TRACEBACK=1 for a traceback, and report it"


def _fail_usage(error: typer.TyperException) -> None:
    # without arguments the message is the help text, which is not to be shortened
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(str(error))
        sys.exit(2)
    _fail(usage_line(error), getattr(error, "exit_code", 2))


def _fail(message: str, code: int) -> None:
    typer.secho(f"error: {message}", err=True, fg=None if os.environ.get("NO_COLOR") else "red")
    sys.exit(code)
