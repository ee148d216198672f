"""Sampling time of each backbone and method, in seconds and relative to one parallel forward pass.

Run: python tests/benchmarks/bench_sampling.py            (measure everything, record in sampling.json; idle machine)
     python tests/benchmarks/bench_sampling.py --only nade --batches 1 64    (print, do not record)
     python tests/benchmarks/bench_sampling.py --again transformer           (measure and record these rows again)
     python tests/benchmarks/bench_sampling.py --device cuda                 (on a GPU; recorded in sampling_gpu.json)

Then make_tables.py writes the table of docs/benchmarks.md. With a stepper, drawing a batch takes about the arithmetic
of one forward pass of that batch; the ratio measures how close it comes. The naive loop makes one such pass per
coefficient: it is run once for a batch of 1, and its time is estimated for larger batches (marked ~) as forward time x
coefficients.
Forward and cached times are medians of several runs after a warm-up. Networks are untrained, which affects only the
number of fixed-point passes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from make_tables import SAMPLING, SAMPLING_COLUMNS, SAMPLING_ON_GPU, header, sampling_row
from timing import machine

from tensorar import AutoregressiveModel, SamplingInfo, build
from tensorar.conditionals import all_conditionals

BATCHES = (1, 16, 64)
DIGITS = ((1, 28, 28), "bernoulli")
COLORS = ((32, 32, 3), "logistic_mixture:levels=256,components=5")
VOLUME = ((16, 16, 16), "bernoulli")
SPECS = [
    *("fvsbn", "nade", "made", "pixelcnn:blocks=12,channels=128", "gated_pixelcnn:layers=12,channels=64"),
    *("rnn", "row_lstm", "diagonal_bilstm", "transformer", "transformer:kv_heads=4"),
]
CASES = [
    *((spec, *DIGITS, batch) for spec in SPECS for batch in BATCHES),
    *(("pixelcnn:blocks=6,channels=64", *data, batch) for data in (COLORS, VOLUME) for batch in (1, 16)),
]
# at least this many runs, and for at least this many seconds
MIN_RUNS, MIN_SECONDS = 3, 1.0


def median_seconds(work: Callable[[], object]) -> float:
    """The median time of several runs, after a warm-up."""
    work()
    times: list[float] = []
    while len(times) < MIN_RUNS or sum(times) < MIN_SECONDS:
        times.append(seconds(work))
    return statistics.median(times)


def seconds(work: Callable[[], object]) -> float:
    """The time of one run, until a GPU has finished it."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def forward(model: AutoregressiveModel, batch: int) -> Callable[[], object]:
    """One parallel pass over a batch of events."""
    features = model.features(torch.zeros(batch, *model.event_shape, device=model.device))

    def work() -> object:
        with torch.no_grad():
            return all_conditionals(model.backbone, features, model.order)

    return work


def measure(device: str, spec: str, shape: tuple[int, ...], head: str, batch: int) -> dict:
    """All figures of one backbone and batch size."""
    torch.manual_seed(0)
    model = build(shape, "raster", head, spec).eval().to(device)
    one_pass, info = median_seconds(forward(model, batch)), SamplingInfo()
    cached = median_seconds(lambda: model.sample(batch, method="cached", memory=2**34))
    fixed_point = seconds(lambda: model.sample(batch, method="fixed-point", info=info, memory=2**34))
    figures = {"forward": one_pass, "cached": cached, "fixed_point": fixed_point, "passes": info.passes}
    if batch == 1:
        figures["naive"] = seconds(lambda: model.sample(batch, method="naive"))
    where = machine() if device == "cpu" else torch.cuda.get_device_name()
    return {"backbone": spec, "shape": list(shape), "batch": batch, **figures, "machine": where}


def measure_all(cases: list, device: str) -> Iterator[dict]:
    """Measure the cases in turn, and print each as soon as it is done."""
    print(header(SAMPLING_COLUMNS), flush=True)
    for case in cases:
        found = measure(device, *case)
        print(sampling_row(found), flush=True)
        yield found


def record(measured: list[dict], file: Path) -> None:
    """Write the measured rows to a file, in the order of the cases; other rows are kept."""
    old = json.loads(file.read_text()) if file.exists() else []
    rows = {_key(row): row for row in (*old, *measured)}
    cases = [(spec, list(shape), batch) for spec, shape, _, batch in CASES]
    recorded = [rows[key] for key in map(str, cases) if key in rows]
    file.write_text(json.dumps(recorded, indent=2) + "\n")


def _key(row: dict) -> str:
    return str((row["backbone"], row["shape"], row["batch"]))


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", help="backbone specs to measure on 28 x 28 bits, without recording")
    parser.add_argument("--batches", nargs="*", type=int, default=BATCHES, help="batch sizes for --only")
    parser.add_argument("--again", nargs="*", help="backbone specs whose rows are measured and recorded again")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to measure")
    options = parser.parse_args()
    if options.only is None:
        cases = [case for case in CASES if not options.again or case[0] in options.again]
        record(list(measure_all(cases, options.device)), SAMPLING if options.device == "cpu" else SAMPLING_ON_GPU)
    else:
        cases = [(spec, *DIGITS, batch) for spec in options.only for batch in options.batches]
        list(measure_all(cases, options.device))


if __name__ == "__main__":
    main()
