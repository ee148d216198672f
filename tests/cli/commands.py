"""Helpers that run the command line, in this process or in a new one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner

from tensorar_cli.app import app

PLUGIN = Path(__file__).parent / "plugin.py"
# training that ends at once
SHORT = ["--steps", "3", "--batch-size", "8", "--set", "valid_events=20", "--device", "cpu"]
ESCAPE = "\x1b"


def call(*arguments):
    """Run a command in this process; return the result with its exit code and outputs."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="tensorar")


def done(*arguments):
    """Run a command that must succeed without printing an error."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert "error" not in result.stderr
    return result


def report(*arguments):
    """The JSON object that a command prints with --json, and nothing else on standard output."""
    result = done(*arguments, "--json")
    assert result.stdout.count("\n") == 1, result.stdout
    return json.loads(result.stdout, parse_constant=_refuse)


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def environment(**changed):
    """The environment of a new process: one thread, no settings for colors or launchers."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "RANK", "WORLD_SIZE", "PYTEST_XDIST_WORKER")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    return kept | {"OMP_NUM_THREADS": "1", "TERM": "xterm-256color"} | changed


def process(*arguments, cwd, **changed):
    """Run a command in a new process, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-m", "tensorar_cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment(**changed), capture_output=True, text=True, timeout=120)


@contextmanager
def started(*arguments, cwd):
    """A command that runs in a new process, which is killed at the end."""
    command = [sys.executable, "-W", "error", "-m", "tensorar_cli", *map(str, arguments)]
    running = subprocess.Popen(
        command, cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def process_after(code, *arguments, cwd):
    """Run a command in a new process, after other code."""
    command = [sys.executable, "-c", f"{code}\nfrom tensorar_cli.__main__ import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=120)


def refused(result):
    """Check that a command failed with exit code 2 and a one-line error; return the line."""
    code = result.exit_code if hasattr(result, "exit_code") else result.returncode
    assert code == 2, result.stdout + result.stderr
    assert re.fullmatch(r"error: expected .+, got .+; .+\n", result.stderr), result.stderr
    assert "unexpected" not in result.stderr and "internal error" not in result.stderr
    return result.stderr


def contents(folder):
    """All files and folders below a folder, with the content of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}
