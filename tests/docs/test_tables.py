"""docs/how-to/tables.md: its code runs, its commands print what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pandas

from tensorar import default_registry
from tests.docs.test_missing_values import run_session

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "tables.md").read_text()
(DATA,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SESSIONS = re.findall(r"```\n(\$ .*?)```", PAGE, flags=re.DOTALL)


def test_the_commands_print_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    default_registry.cache_clear()
    exec(DATA, {})
    for session in SESSIONS:
        run_session(session)
    drawn = pandas.read_csv("drawn.csv")
    assert len(drawn) == 1000 and set(drawn["class"]) == {3} and set(drawn["age"]) == {30.0}
    assert pandas.read_csv("filled.csv").notna().all(axis=None)
    assert set(pandas.read_excel("first.xlsx")["class"]) == {1}
