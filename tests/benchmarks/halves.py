"""The likelihood of a half of each event given the other: a model of all orders, and one of a fixed order.

Run: python tests/benchmarks/halves.py ANY_ORDER RASTER --record      (two run folders; record in halves.json)
     python tests/benchmarks/halves.py ANY_ORDER RASTER --events 20   (print, do not record)

Nats of the unknown half of each test event given the known one, the same events and the same random half for all (seed
0). The model of the fixed order is evaluated exactly where that order visits what is known first, and else by
sequential Monte Carlo with 64 particles and 8 runs; then with what is known clamped, a biased sampler, whose own
likelihood is reported. Each figure is that of ``tensorar evaluate RUN --given REGION --events N``, the last column with
``--conditioning clamp``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from make_tables import HALVES, HALVES_COLUMNS, halves_row, header
from timing import machine

from tensorar import Run
from tensorar.workflows import evaluate_given

# a name in the table, and the region that is known
HALVES_OF = {
    "bottom half given the top half": "top half",
    "a random half given the other": "random 50 %",
    "top half given the bottom half": "bottom half",
}
EVENTS = 200


def measure(run: Path, given: str, events: int, conditioning: str = "auto") -> dict:
    """The nats of the rest given a region, and how they were found."""
    start = time.process_time()
    found = evaluate_given(run, given, events=events, conditioning=conditioning, device="cpu")
    return {**found.as_dict(), "processor_seconds": time.process_time() - start}


def parts(run: Path) -> dict[str, str]:
    """The specs of a run."""
    recipe = Run.open(run).recipe
    return {kind: str(getattr(recipe, kind)) for kind in ("dataset", "ordering", "head", "backbone")}


def main(arguments: list[str] | None = None) -> list[dict]:
    """Measure and print; record if asked to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("any_order", type=Path, help="run folder of a model of all orders")
    parser.add_argument("fixed", type=Path, help="run folder of a model of a fixed order, of the same data")
    parser.add_argument("--events", type=int, default=EVENTS, help="number of test events")
    parser.add_argument("--record", action="store_true", help="write halves.json")
    options = parser.parse_args(arguments)
    rows = []
    print(header(HALVES_COLUMNS), flush=True)
    for name, given in HALVES_OF.items():
        ways = {
            "any_order": measure(options.any_order, given, options.events),
            "fixed": measure(options.fixed, given, options.events),
            "clamped": measure(options.fixed, given, options.events, "clamp"),
        }
        rows.append({"half": name, "given": given, **ways})
        print(halves_row(rows[-1]), flush=True)
    if options.record:
        networks = {"any_order": parts(options.any_order), "fixed": parts(options.fixed)}
        found = {"networks": networks, "events": options.events, "halves": rows, "machine": machine()}
        HALVES.write_text(json.dumps(found, indent=2) + "\n")
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
