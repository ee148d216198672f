"""docs/adaptive.md: its ordering is a correct one, and its rules and commands exist."""

import re
from pathlib import Path

from tensorar.testing import checks
from tensorar_plugins.orderings.adaptive import SCORES
from tests.docs.sessions import commands, run_briefly

SHORTER = {
    "train sudoku ": "train sudoku:train_grids=20 ",
    "hidden=256,layers=2 --minutes 4 --batch-size 192": "hidden=4,layers=1 --steps 2 --batch-size 4",
    "evaluate runs/sudoku": "evaluate runs/sudoku --events 2",
}

PAGE = (Path(__file__).parents[2] / "docs" / "adaptive.md").read_text()


def test_the_ordering_on_the_page_passes_the_kit():
    namespace = {"__name__": "page"}
    exec(*re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL), namespace)
    (part,) = namespace["tensorar_orderings"]()
    names = ("chooses_unknown_coefficients", "choices_are_deterministic", "ties_go_to_the_lowest_index", "sums_to_one")
    results = {check.name: check.run().status for check in checks(part) if check.name in names}
    assert results == dict.fromkeys(names, "passed")


def test_the_rules_on_the_page_are_all_there_are():
    assert set(re.findall(r"^\| `([a-z]+-[a-z]+)`", PAGE, flags=re.MULTILINE)) == set(SCORES)


def test_the_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_briefly(commands(PAGE), SHORTER)
    assert (tmp_path / "order.gif").exists()
