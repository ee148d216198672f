"""What a sample costs: each backbone's methods in seconds, and as a multiple of one parallel forward pass.

Run: python tests/benchmarks/bench_sampling.py [--backbones NAME ...] [--batches 1 16 64] [--shape 1x28x28] [--json FILE]

A batch of samples by a stepper costs about the arithmetic of one forward pass of that batch: the ratio says how near
it comes. The plain loop makes one such pass for every coefficient, so that its time is that of a forward pass times
their number (printed with a ~). Medians of several runs, after one to warm up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tensorar import AutoregressiveModel, build
from tensorar.conditionals import all_conditionals
from tensorar.sampling import Record

SPECS = {
    "fvsbn": "fvsbn",
    "nade": "nade",
    "made": "made",
    "pixelcnn": "pixelcnn:blocks=12,channels=64",
    "gated_pixelcnn": "gated_pixelcnn:layers=12,channels=64",
    "rnn": "rnn",
    "row_lstm": "row_lstm",
    "diagonal_bilstm": "diagonal_bilstm",
    "transformer": "transformer",
}


def seconds(work: Callable[[], object], runs: int) -> float:
    """The median time of some runs, after one that is not counted."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def forward(model: AutoregressiveModel, batch: int) -> Callable[[], object]:
    """One parallel pass over a batch of events."""
    features = model.features(torch.zeros(batch, *model.event_shape))

    def work() -> object:
        with torch.no_grad():
            return all_conditionals(model.backbone, features, model.order)

    return work


def measure(spec: str, shape: tuple[int, ...], ordering: str, head: str, batch: int, runs: int) -> dict:
    """All figures of one backbone and batch."""
    torch.manual_seed(0)
    model = build(shape, ordering, head, spec).eval()
    one = seconds(forward(model, batch), runs)
    record = Record()
    cached = seconds(lambda: model.sample(batch, method="cached", memory=2**33), runs)
    jacobi = seconds(lambda: model.sample(batch, method="fixed-point", record=record, memory=2**33), 1)
    steps = len(model.order)
    return {
        "backbone": spec,
        "shape": list(shape),
        "batch": batch,
        "forward": one,
        "plain": one * steps,
        "cached": cached,
        "fixed_point": jacobi,
        "passes": record.passes,
        "cached_per_forward": cached / one,
        "microseconds_per_step": 1e6 * cached / steps,
        "plain_per_cached": one * steps / cached,
    }


def row(found: dict) -> str:
    """One line of the table."""
    shape = "x".join(map(str, found["shape"]))
    return (
        f"| `{found['backbone']}` | {shape} | {found['batch']} | {found['forward']:.3g} | ~{found['plain']:.3g} "
        f"| {found['cached']:.3g} | {found['fixed_point']:.3g} ({found['passes']}) "
        f"| {found['cached_per_forward']:.2f} | {found['microseconds_per_step']:.0f} "
        f"| {found['plain_per_cached']:.0f} |"
    )


HEADER = (
    "| backbone | shape | batch | forward, s | plain, s | cached, s | fixed-point, s (passes) "
    "| cached / forward | µs per step | plain / cached |\n|" + " --- |" * 10
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbones", nargs="*", default=list(SPECS))
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 16, 64])
    parser.add_argument("--shape", default="1x28x28")
    parser.add_argument("--ordering", default="raster")
    parser.add_argument("--head", default="bernoulli")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shape = tuple(map(int, options.shape.split("x")))
    print(HEADER, flush=True)
    results = []
    for name in options.backbones:
        for batch in options.batches:
            found = measure(SPECS.get(name, name), shape, options.ordering, options.head, batch, options.runs)
            results.append(found)
            print(row(found), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
