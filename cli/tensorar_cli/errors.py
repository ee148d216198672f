"""Every error in one line on standard error, exit code 2, never a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from tensorar_cli.usage_errors import usage_line


class OneLineErrors(TyperGroup):
    """A group of commands whose errors are told in one line."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command. Set ``TENSORAR_TRACEBACK=1`` to see where an error comes from."""
        try:
            status = super().main(args, *rest, **extra | {"standalone_mode": False})
        except (KeyboardInterrupt, typer.Abort):
            _fail("interrupted", 130)
        except typer.TyperException as error:
            _fail_usage(error)
        except Exception as error:
            if os.environ.get("TENSORAR_TRACEBACK"):
                raise
            _fail(_message(error), 2)
        sys.exit(status if isinstance(status, int) else 0)


def _message(error: Exception) -> str:
    from tensorar.errors import TensorarError

    text = " ".join(str(error).split())
    if isinstance(error, TensorarError):
        return text
    if isinstance(error, OSError):
        where = f"to use {error.filename}" if error.filename else "to read and write files"
        return (
            f"expected {where}, got {error.strerror or text}; check the path, its permissions and the room on the disk"
        )
    return f"unexpected {type(error).__name__}: {text}; set TENSORAR_TRACEBACK=1 to see where, and please report it"


def _fail_usage(error: typer.TyperException) -> None:
    # without arguments the message is the help text, which is not an error to be shortened
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(str(error))
        sys.exit(2)
    _fail(usage_line(error), getattr(error, "exit_code", 2))


def _fail(message: str, code: int) -> None:
    typer.secho(f"error: {message}", err=True, fg=None if os.environ.get("NO_COLOR") else "red")
    sys.exit(code)
