"""The tables of docs/benchmarks.md are those of the recorded files."""

import importlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def test_the_tables_are_generated_from_the_recorded_files(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    assert importlib.import_module("make_tables").with_tables(PAGE.read_text()) == PAGE.read_text()
