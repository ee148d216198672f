"""docs/missing-values.md: its code runs, its commands print what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

from tensorar import default_registry
from tests.cli.commands import call

PAGE = (Path(__file__).parents[2] / "docs" / "missing-values.md").read_text()
DATA, PYTHON = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SESSIONS = re.findall(r"```\n(\$ .*?)```", PAGE, flags=re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def commands(session):
    """Each command of a session with the lines that the page shows of its output."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield shlex.split(command)[1:], lines


def shows(output, line):
    """Whether a line is in the output, up to spaces at the end and a few per cent of its numbers."""
    wanted = [float(number) for number in NUMBER.findall(line)]
    alike = [text for text in output.splitlines() if NUMBER.sub("#", text).strip() == NUMBER.sub("#", line).strip()]
    return any([float(n) for n in NUMBER.findall(text)] == pytest.approx(wanted, rel=0.05) for text in alike)


def run_session(session):
    """Run the commands of a session, and compare what they print with what the page shows."""
    for command, lines in commands(session):
        result = call(*command, "--device", "cpu")
        refused = any(line.startswith("error: ") for line in lines)
        assert result.exit_code == (2 if refused else 0), result.output
        for line in lines:
            assert shows(result.stderr if refused else result.stdout, line), (line, result.output)


def test_the_commands_print_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    default_registry.cache_clear()
    exec(DATA, {})
    for session in SESSIONS:
        run_session(session)
    namespace = {}
    exec(PYTHON, namespace)
    nats, completed, readings = (namespace[name] for name in ("nats", "completed", "readings"))
    assert nats.shape == (2,) and nats.isfinite().all() and namespace["loss"].isfinite()
    known = ~readings.isnan()
    assert torch.equal(completed[known].double(), readings[known]) and completed.isfinite().all()
