"""Measure how commands end on odd arguments, on damaged files, when they are killed, and at the same time.

Run: python tests/reliability/reliability.py --write             (all long forms; records results.json and the page)
     python tests/reliability/reliability.py files --trials 500 --seed 1
     PYTHONPATH=TREE:TREE/plugins:TREE/cli python tests/reliability/reliability.py --json tree.json  (another tree)
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fuzzing.campaigns import CAMPAIGNS
from fuzzing.processes import Server
from fuzzing.stage import Stage

FOLDER = Path(__file__).resolve().parent
RESULTS, PAGE = FOLDER / "results.json", FOLDER.parents[1] / "docs" / "reliability.md"
COLUMNS = (
    "trials",
    "tried",
    "worked",
    "refused",
    "stopped",
    "unexpected",
    "CPU, s",
    "slowest refusal, s",
    "memory, MB",
)
BEGIN, END = "<!-- reliability table -->\n", "\n<!-- end of table -->"


def measure(names: list[str], trials: int | None, seed: int) -> dict[str, Any]:
    """The figures of these campaigns, and the faults that they found with examples."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder, Server() as server:
        stage = Stage(server, Path(folder))
        for name in names:
            campaign = CAMPAIGNS[name]
            tally = campaign.run(stage, trials or campaign.trials, seed)
            sys.stdout.write(f"{name}: {tally.figures()}\n{tally.report()}\n")
            sys.stdout.flush()
            found[name] = {"title": campaign.title, "seed": seed, **tally.figures(), "families": tally.families}
    return found


def record(found: dict[str, Any]) -> None:
    """Write results.json, in place of the recorded figures of the same campaigns, and the table of the page."""
    known = json.loads(RESULTS.read_text())["campaigns"] if RESULTS.exists() else {}
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {version('torch')}"
    RESULTS.write_text(json.dumps({"machine": machine, "campaigns": known | found}, indent=1) + "\n")
    PAGE.write_text(with_table(PAGE.read_text()))


def with_table(page: str) -> str:
    """The page with the table written anew from results.json."""
    if page.count(BEGIN) != 1:
        raise SystemExit(f"expected one comment {BEGIN.strip()} in {PAGE}; restore it")
    before, after = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{after[after.index(END) :]}"


def table() -> str:
    """The recorded figures, a row per campaign."""
    campaigns = json.loads(RESULTS.read_text())["campaigns"]
    rows = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    return "\n".join([*rows, *map(_row, campaigns.values())])


def _row(found: dict[str, Any]) -> str:
    kinds = ("title", "tried", "worked", "refused", "stopped", "unexpected", "seconds", "slowest refusal", "memory")
    return f"| {' | '.join(str(found[kind]) for kind in kinds)} |"


def main() -> None:
    """Parse the command line, measure, and record what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "campaigns", nargs="*", default=list(CAMPAIGNS), help=f"of {', '.join(CAMPAIGNS)}; default: all"
    )
    parser.add_argument("--trials", type=int, help="number of trials of each; default: those of the long form")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures and the faults to this file")
    parser.add_argument(
        "--write", action="store_true", help="record the figures in results.json and docs/reliability.md"
    )
    given = parser.parse_args()
    found = measure(given.campaigns, given.trials, given.seed)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if given.write:
        record(found)


if __name__ == "__main__":
    main()
