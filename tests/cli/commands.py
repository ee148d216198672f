"""Calling the command line: in this process, or as a real one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from tensorar_cli.app import app

PLUGIN = Path(__file__).parent / "plugin.py"
# a training that is over at once
SHORT = ["--steps", "3", "--batch-size", "8", "--set", "valid_events=20", "--device", "cpu"]
ESCAPE = "\x1b"


def call(*arguments):
    """Run a command in this process: what came of it, with its exit code and its two outputs."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="tensorar")


def done(*arguments):
    """Run a command that must succeed, and say nothing on standard error that is a complaint."""
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
    """The environment of a real process: one thread, nothing said about colours or a launcher."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "RANK", "WORLD_SIZE", "PYTEST_XDIST_WORKER")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    return kept | {"OMP_NUM_THREADS": "1", "TERM": "xterm-256color"} | changed


def process(*arguments, cwd, **changed):
    """Run a command as a real process, warnings being errors."""
    command = [sys.executable, "-W", "error", "-m", "tensorar_cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment(**changed), capture_output=True, text=True, timeout=120)


def refused(result):
    """The one line of an error: no traceback, exit code 2, the form that all have."""
    code = result.exit_code if hasattr(result, "exit_code") else result.returncode
    assert code == 2, result.stdout + result.stderr
    assert re.fullmatch(r"error: expected .+, got .+; .+\n", result.stderr), result.stderr
    assert "unexpected" not in result.stderr and "internal error" not in result.stderr
    return result.stderr


def contents(folder):
    """Every file and folder below a folder, files with their bytes."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}
