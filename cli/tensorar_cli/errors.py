"""Every error is one line on standard error, with exit code 2 and without a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from tensorar_cli.blank_arguments import blank_argument
from tensorar_cli.failures import describe_failure
from tensorar_cli.option_names import running_command, with_option_names
from tensorar_cli.signals import ending_signals
from tensorar_cli.streams import LastingStream, lasting_streams, shortened, visible
from tensorar_cli.usage_errors import usage_line


class OneLineErrors(TyperGroup):
    """A group of commands that report errors in one line."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command. Set ``TENSORAR_TRACEBACK=1`` to get the traceback of an error."""
        words = sys.argv[1:] if args is None else list(args)
        with lasting_streams() as output:
            code = self._exit_code(words, *rest, **extra)
            sys.exit(code or _undelivered(output))

    def _exit_code(self, words: list[str], *rest: Any, **extra: Any) -> int:
        if blank := blank_argument(words):
            return _report(blank, 2)
        with ending_signals() as received:
            try:
                status = super().main(words, *rest, **extra | {"standalone_mode": False})
                return status if isinstance(status, int) else 0
            except (Interrupted, KeyboardInterrupt, typer.Abort):
                return _report(f"ended by {received.name}; files that were complete are kept", 128 + received.number)
            except typer.TyperException as error:
                return _report_usage(error)
            except BaseException as error:
                if os.environ.get("TENSORAR_TRACEBACK"):
                    raise
                return _report(describe_error(error, running_command(self, words)), 2)

    def invoke(self, ctx: Any) -> Any:
        """Invoke a command; Typer would turn ``KeyboardInterrupt`` into an exit code without a message."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt


class Interrupted(BaseException):
    """A command was ended by a signal."""


def describe_error(error: BaseException, command: Any) -> str:
    """An error of a command in one line, with the names of its options."""
    from tensorar.errors import TensorarError

    if isinstance(error, TensorarError):
        return with_option_names(" ".join(str(error).split()), command)
    return describe_failure(error)


def _undelivered(output: LastingStream) -> int:
    """The exit code of a finished command, which is 1 if not all of its output could be printed."""
    output.flush()
    if output.error is None:
        return 0
    reason = getattr(output.error, "strerror", None) or str(output.error)
    sys.stderr.write(visible(f"note: standard output failed ({reason}); the command itself was completed") + "\n")
    return 1


def _report_usage(error: typer.TyperException) -> int:
    # without arguments the message is the help text, which is not to be shortened
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(str(error))
        return 2
    return _report(usage_line(error), int(getattr(error, "exit_code", 2)))


def _report(message: str, code: int) -> int:
    line = f"error: {shortened(visible(message))}"
    colored = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    # not typer.echo, which ignores an encoding of ASCII
    sys.stderr.write((typer.style(line, fg="red") if colored else line) + "\n")
    return code
