"""What a sample costs: each backbone's methods in seconds, and as a multiple of one parallel forward pass.

Run: python tests/benchmarks/bench_sampling.py            (everything, recorded in sampling.json; nothing beside it)
     python tests/benchmarks/bench_sampling.py --only nade --batches 1 64    (a look; not recorded)
     python tests/benchmarks/bench_sampling.py --again transformer           (measures and records its rows anew)
     python tests/benchmarks/bench_sampling.py --table    (what is recorded, as the README's table)

A batch of samples by a stepper costs about the arithmetic of one forward pass of that batch: the ratio says how near
it comes. The plain loop makes one such pass for every coefficient: it is run once for a batch of 1, and for larger ones
its time is given as that of a forward pass times their number (printed with a ~). Forward passes and the cached way are
medians of several runs, after one to warm up. Weights are the initial ones: how many passes the fixed point takes
depends on them, the other figures do not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from reproduce import machine

from tensorar import AutoregressiveModel, build
from tensorar.conditionals import all_conditionals
from tensorar.generation import Record

RESULTS = Path(__file__).parent / "sampling.json"
BATCHES = (1, 16, 64)
DIGITS = ((1, 28, 28), "bernoulli")
COLOURS = ((32, 32, 3), "logistic_mixture:levels=256,components=5")
VOLUME = ((16, 16, 16), "bernoulli")
SPECS = [
    *("fvsbn", "nade", "made", "pixelcnn:blocks=12,channels=128", "gated_pixelcnn:layers=12,channels=64"),
    *("rnn", "row_lstm", "diagonal_bilstm", "transformer", "transformer:kv_heads=4"),
]
CASES = [
    *((spec, *DIGITS, batch) for spec in SPECS for batch in BATCHES),
    *(("pixelcnn:blocks=6,channels=64", *what, batch) for what in (COLOURS, VOLUME) for batch in (1, 16)),
]
# runs of one work: so many, and more of them where they are short
RUNS, RUNNING = 3, 1.0


def seconds(work: Callable[[], object]) -> float:
    """The median time of some runs, after one that is not counted."""
    work()
    times: list[float] = []
    while len(times) < RUNS or sum(times) < RUNNING:
        times.append(once(work))
    return statistics.median(times)


def once(work: Callable[[], object]) -> float:
    """The time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forward(model: AutoregressiveModel, batch: int) -> Callable[[], object]:
    """One parallel pass over a batch of events."""
    features = model.features(torch.zeros(batch, *model.event_shape))

    def work() -> object:
        with torch.no_grad():
            return all_conditionals(model.backbone, features, model.order)

    return work


def measure(spec: str, shape: tuple[int, ...], head: str, batch: int) -> dict:
    """All figures of one backbone and batch."""
    torch.manual_seed(0)
    model = build(shape, "raster", head, spec).eval()
    one, record = seconds(forward(model, batch)), Record()
    cached = seconds(lambda: model.sample(batch, method="cached", memory=2**34))
    fixed_point = once(lambda: model.sample(batch, method="fixed-point", record=record, memory=2**34))
    figures = {"forward": one, "cached": cached, "fixed_point": fixed_point, "passes": record.passes}
    if batch == 1:
        figures["plain"] = once(lambda: model.sample(batch, method="plain"))
    return {"backbone": spec, "shape": list(shape), "batch": batch, **figures, "machine": machine()}


def row(found: dict) -> str:
    """One line of the table."""
    shape, steps = "x".join(map(str, found["shape"])), torch.Size(found["shape"]).numel()
    one, cached = found["forward"], found["cached"]
    plain = found.get("plain", one * steps)
    about = "" if "plain" in found else "~"
    return (
        f"| `{found['backbone']}` | {shape} | {found['batch']} | {one:.3g} | {about}{plain:.3g} "
        f"| {cached:.3g} | {found['fixed_point']:.3g} ({found['passes']}) "
        f"| {cached / one:.2f} | {1e6 * cached / steps:.0f} | {plain / cached:.0f} |"
    )


HEADER = (
    "| backbone | event | batch | one forward, s | plain, s | cached, s | fixed-point, s (passes) "
    "| cached / forward | µs per step | plain / cached |\n|" + " --- |" * 10
)


def table() -> str:
    """What is recorded."""
    return "\n".join([HEADER, *map(row, json.loads(RESULTS.read_text()))])


def measured(cases: list) -> Iterator[dict]:
    """Measure one case after the other, and print each as soon as it is there."""
    print(HEADER, flush=True)
    for case in cases:
        found = measure(*case)
        print(row(found), flush=True)
        yield found


def record(found: list[dict]) -> None:
    """Keep what was measured, in the order of the cases; rows that were not measured stay."""
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    rows = {_key(row): row for row in (*old, *found)}
    cases = [(spec, list(shape), batch) for spec, shape, _, batch in CASES]
    kept = [rows[key] for key in map(str, cases) if key in rows]
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")


def _key(row: dict) -> str:
    return str((row["backbone"], row["shape"], row["batch"]))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", nargs="*", help="backbone specs to look at on 28 x 28 bits")
    parser.add_argument("--batches", nargs="*", type=int, default=BATCHES)
    parser.add_argument("--again", nargs="*", help="backbone specs whose rows are measured and recorded anew")
    options = parser.parse_args()
    if options.table:
        print(table())
    elif options.only is None:
        wanted = [case for case in CASES if not options.again or case[0] in options.again]
        record(list(measured(wanted)))
    else:
        list(measured([(s, *DIGITS, b) for s in options.only for b in options.batches]))


if __name__ == "__main__":
    main()
