"""The tables of docs/benchmarks.md are those of the recorded files, and its links resolve."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def test_the_tables_are_generated_from_the_recorded_files(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    assert importlib.import_module("make_tables").with_tables(PAGE.read_text()) == PAGE.read_text()


def test_the_page_has_a_row_for_every_recipe_that_was_recorded(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    tables = importlib.import_module("make_tables")
    commands = re.findall(r"^\| `tensorar train --recipe ([\w-]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert len(commands) == len(set(commands)) == tables.LIKELIHOODS.read_text().count('"train"')
