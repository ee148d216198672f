"""Measure how command lines, damaged files, killed and concurrent processes end.

Run: python tests/reliability/reliability.py --write           (all long forms; writes results.json and docs/reliability.md)
     python tests/reliability/reliability.py command_lines --trials 1000 --seed 1 --report
Another tree is measured with its folders in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from fuzzing.campaigns import CAMPAIGNS
from fuzzing.processes import Server
from fuzzing.stage import Stage

FOLDER = Path(__file__).resolve().parent


def measure(names: list[str], trials: int | None, seed: int) -> dict[str, Any]:
    """The figures and families of faults of these campaigns."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder, Server() as server:
        stage = Stage(server, Path(folder))
        for name in names:
            campaign = CAMPAIGNS[name]
            tally = campaign.run(stage, trials or campaign.trials, seed)
            print(f"{name}: {tally.figures()}\n{tally.report()}", flush=True)
            found[name] = {"seed": seed, **tally.figures(), "families": tally.families}
    return found


def main() -> None:
    """Parse the command line, measure, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaigns", nargs="*", default=list(CAMPAIGNS))
    parser.add_argument("--trials", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.campaigns, given.trials, given.seed)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
