"""The how-to pages on runs: their commands run, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.commands import call

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def commands(page):
    blocks = re.findall(r"```bash\n(.*?)```", (PAGES / page).read_text(), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("tensorar ")]


def named_files(page):
    """The Python files of a page: a block after a line that ends in (`name.py`):."""
    return re.findall(r"\(`(\w+\.py)`\):\n\n```python\n(.*?)```", (PAGES / page).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", ["compare-runs.md", "go-on-with-runs.md", "classify.md", "look-into-runs.md"])
def test_the_commands_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, code in named_files(page):
        (tmp_path / name).write_text(code)
    assert commands(page)
    for line in commands(page):
        result = call(*shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
