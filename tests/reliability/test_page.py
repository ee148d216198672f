"""The table of docs/reliability.md is that of the recorded figures, in which nothing is unexpected."""

import importlib
import json
from pathlib import Path

FOLDER = Path(__file__).parent


def test_the_table_is_generated_from_the_recorded_figures(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    script = importlib.import_module("reliability")
    assert script.with_table(script.PAGE.read_text()) == script.PAGE.read_text()


def test_nothing_unexpected_is_recorded():
    campaigns = json.loads((FOLDER / "results.json").read_text())["campaigns"]
    assert {name: found["unexpected"] for name, found in campaigns.items()} == dict.fromkeys(campaigns, 0)
