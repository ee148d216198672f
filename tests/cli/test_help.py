"""Every command and option has help, which does not import torch."""

import subprocess
import sys
import time

import pytest
from typer.main import get_command

from tensorar_cli.app import app

from .commands import ESCAPE, call, environment


def tree(command, path=()):
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from tree(child, (*path, name))


COMMANDS = dict(tree(get_command(app)))

DATA = ["score", "impute", "forecast", "classify"]
SINGLE = [
    "demo",
    "train",
    "reproduce",
    "compress",
    "decompress",
    "evaluate",
    "sample",
    "inpaint",
    "posterior",
    "compare",
    "show",
    "serve",
    *DATA,
]


def test_the_commands():
    leaves = {path for path, command in COMMANDS.items() if not hasattr(command, "commands")}
    single = {(name,) for name in SINGLE}
    plugins = {("plugins", name) for name in ("list", "show", "check", "new")}
    assert leaves == single | plugins | {("order", "show"), ("runs", "list")}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = COMMANDS[path]
    assert command.help, "the command has no description"
    assert [p.name for p in command.params if not getattr(p, "help", None)] == []
    shown = call(*path, "--help")
    assert shown.exit_code == 0
    text = " ".join(shown.stdout.split())
    for parameter in command.params:
        # an argument is shown by what it stands for; a narrow terminal may cut a name that is long, never its beginning
        shown_as = parameter.metavar if parameter.param_type_name == "argument" else None
        assert (shown_as or max(parameter.opts, key=len))[:8].lower() in text.lower()


@pytest.mark.parametrize("path", [path for path, c in COMMANDS.items() if not hasattr(c, "commands")], ids=" ".join)
def test_shared_options(path):
    options = {name for parameter in COMMANDS[path].params for name in parameter.opts}
    assert {"--json", "--plugin"} <= options
    if path[0] not in ("order", "plugins", "runs"):
        assert "--device" in options
        assert "--out" in options or path[0] in ("evaluate", "compare", "serve")


def test_the_version():
    assert call("--version").stdout.startswith("tensorar 0.")


@pytest.mark.parametrize("path", [(), ("order",), ("plugins",)], ids=str)
def test_without_a_command_there_is_help_and_no_traceback(path):
    result = call(*path)
    assert result.exit_code == 2
    assert "Usage: tensorar" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"], ["train", "--steps", "x"]])
def test_help_and_usage_errors_do_not_import_torch(arguments, tmp_path):
    code = (
        "import sys, atexit; heavy = ('torch', 'numpy', 'matplotlib', 'tensorar')\n"
        "atexit.register(lambda: print([m for m in heavy if m in sys.modules], file=sys.stderr))\n"
        "from tensorar_cli.__main__ import main; main()"
    )
    command = [sys.executable, "-c", code, *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    print(f"tensorar {' '.join(arguments)}: {time.perf_counter() - started:.2f} s")  # noqa: T201, what -s shows
    assert done.stderr.splitlines()[-1] == "[]"
    assert ESCAPE not in done.stdout + done.stderr
