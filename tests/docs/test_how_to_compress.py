"""docs/how-to/compress.md: its code runs, its commands print what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tensorar import default_registry
from tests.docs.test_missing_values import run_session

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "compress.md").read_text()
DATA, PYTHON = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
(SESSION,) = re.findall(r"```\n(\$ .*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.usefixtures("without_shape_checks")
def test_the_commands_print_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    default_registry.cache_clear()
    exec(DATA, {})
    run_session(SESSION)
    assert (tmp_path / "back.npy").read_bytes() == (tmp_path / "new.npy").read_bytes()
    namespace = {}
    exec(PYTHON, namespace)
    assert 0 < namespace["bits_per_dim"] < 1
